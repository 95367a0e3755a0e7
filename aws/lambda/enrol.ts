import { IAMClient } from '@aws-sdk/client-iam';
import { handle } from 'hono/aws-lambda';
import { addEnrolment } from '../../functions/api/enrol-routes.ts';
import { api } from '../../functions/api/handler.ts';
import { byPrincipal } from '../api-principal.ts';
import { noSigner } from '../deps.ts';
import { awsEnrolment } from '../enrolment.ts';
import { RelayIdentities } from '../identities.ts';
import { namesSenders, openDeps, openKey, run, settings, sqs } from './run.ts';

const { HOLDFAST_ENVIRONMENT: environment, HOLDFAST_RELAY_BOUNDARY: boundary } = settings;
const identities = new RelayIdentities(new IAMClient({}), environment, boundary);
const hubKeys = async () => (await openKey()).publicKeys;
const enrolment = awsEnrolment({ settings, sqs, identities, namesSenders, hubKeys });

/** The API's routes below /v1/relays that change something. */
const deps = await openDeps(noSigner);
export const handler = run(handle(addEnrolment(api(deps, byPrincipal), deps, enrolment)));
