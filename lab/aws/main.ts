/**
 * The AWS servers by hand: `node lab/aws/main.ts` starts them with the stateful stack deployed, prints endpoints and
 * outputs as JSON and runs until ctrl-C. `node lab/aws/main.ts fetch` only fetches them, so that a later start is quick.
 */
import { missingForAws } from './missing.ts';
import { fetchParts } from './parts.ts';
import { standFolder, startStand } from './stand.ts';

const lack = missingForAws();
if (lack !== undefined) throw new Error(lack);
if (process.argv[2] === 'fetch') await fetchParts();
else {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const { stand, close } = await startStand(undefined, standFolder(), stopping.signal);
  console.log(JSON.stringify(stand, undefined, 2));
  const running = setInterval(() => {}, 60_000);
  if (!stopping.signal.aborted) await new Promise((resolve) => stopping.signal.addEventListener('abort', resolve));
  clearInterval(running);
  await close();
}
