import { realpathSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { agentConfig } from './config.ts';
import type { Log } from './log.ts';
import { becomeAgentUser, startAgent } from './main.ts';

/**
 * For the test of what is left after the drop: argv is the agent's config in JSON and its state directory. Prints what
 * it may still do, and each module file read after the drop.
 */
const [configText = '', stateDirectory = ''] = process.argv.slice(2);
const config = agentConfig.parse(JSON.parse(configText));
const log: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const late: string[] = [];
let isDropped = false;
registerHooks({
  load(url, context, next) {
    if (isDropped && !url.startsWith('node:')) late.push(url);
    return next(url, context);
  },
});
const loaded = await becomeAgentUser({ config, stateDirectory, log });
isDropped = true;
const agent = await startAgent({ config, stateDirectory, log, listing: async function* () {}, ...loaded });
await sleep(1_500);
await agent.close();
let root = 'gone';
try {
  process.setuid?.(0);
  root = 'back';
} catch {
  // As it should be.
}
console.log(
  JSON.stringify({
    uid: process.getuid?.(),
    gid: process.getgid?.(),
    groups: process.getgroups?.(),
    root,
    late,
    home: realpathSync(process.env['HOME'] ?? '/'),
  }),
);
