import { handle } from 'hono/aws-lambda';
import { api } from '../../functions/api/handler.ts';
import { byPrincipal } from '../api-principal.ts';
import { noSigner } from '../deps.ts';
import { openDeps, run } from './run.ts';

/** All of the API but enrolment, whose rights over IAM this function does not have: enrol.ts. */
export const handler = run(handle(api(await openDeps(noSigner), byPrincipal)));
