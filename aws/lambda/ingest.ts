import { ingest } from '../../functions/ingest/handler.ts';
import { noSigner } from '../deps.ts';
import { openDeps, run } from './run.ts';

export const handler = run(ingest(await openDeps(noSigner)));
