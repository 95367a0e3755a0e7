import { dispatch } from '../../functions/dispatch/handler.ts';
import { openDeps, openKey, run } from './run.ts';

const { signer } = await openKey();

export const handler = run(dispatch(await openDeps(signer)));
