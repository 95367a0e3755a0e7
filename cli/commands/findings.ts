import type { Command } from 'commander';
import { placesOf } from '../places.ts';

export function addFindingCommands(program: Command): void {
  program
    .command('status')
    .description('relays, open findings and what is contained')
    .option('--json', 'one JSON object')
    .action(async ({ json }: { json?: true }, command: Command) => {
      const { showStatus } = await import('../api/findings.ts');
      await showStatus(placesOf(command), json ?? false);
    });

  program
    .command('findings [FINDING]')
    .description('findings, newest first; with an id: one of them whole. Exits 1 while any is open or contained')
    .option('--days <n>', 'how many UTC days back', '7')
    .option('--json', 'JSON: a list, or one object')
    .action(async (id: string | undefined, { days, json }: { days: string; json?: true }, command: Command) => {
      const { showFinding, showFindings } = await import('../api/findings.ts');
      if (id === undefined) await showFindings(placesOf(command), days, json ?? false);
      else await showFinding(placesOf(command), id, json ?? false);
    });

  const texts = (text: string, before: string[]): string[] => [...before, text];
  program
    .command('approve <FINDING>')
    .description('confirm a finding; with selections: purge the thief’s mail, release the rest (the owner’s)')
    .option('--purge <selection>', 'client=CIDR, sender=ADDR or since=TIME; may be repeated', texts, [])
    .option('--release <selection>', 'release only this, instead of all the rest; may be repeated', texts, [])
    .option('--json', 'the finding as JSON')
    .action(async (id: string, options: { purge: string[]; release: string[]; json?: true }, command: Command) => {
      const { approve } = await import('../api/findings.ts');
      await approve(placesOf(command), id, options);
    });

  program
    .command('undo <FINDING>')
    .description('a false positive: lift the containment, release all that is held')
    .option('--json', 'the finding as JSON')
    .action(async (id: string, { json }: { json?: true }, command: Command) => {
      const { undo } = await import('../api/findings.ts');
      await undo(placesOf(command), id, json ?? false);
    });
}
