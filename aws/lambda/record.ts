import { record } from '../../functions/record/handler.ts';
import { noSigner } from '../deps.ts';
import { openDeps, run } from './run.ts';

export const handler = run(record(await openDeps(noSigner)));
