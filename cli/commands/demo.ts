import type { Command } from 'commander';

export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('a stolen account on throwaway relays, contained end to end within a minute; cleans up after itself')
    .option('--json', 'the outcome as one JSON object in the last line')
    .action(async (options: { json?: true }) => {
      const { demo } = await import('../demo/main.ts');
      await demo(options.json ?? false);
    });
}
