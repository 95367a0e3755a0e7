import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { bound } from './child.ts';
import { place } from './servers.ts';

const exec = promisify(execFile);
const checkout = join(import.meta.dirname, '../..');
/** cdk.json's environment that is LocalStack. */
const environment = 'local';
const stack = `holdfast-${environment}-stateful`;
const account = '000000000000';

/** By stack name, then output name. */
const outputsFile = z.record(z.string(), z.record(z.string(), z.string()));

/**
 * The stateful stack of this checkout, deployed by the CDK's own command to an empty endpoint.
 * @returns its outputs
 * @throws Error with what the command printed
 */
export async function deployStateful(endpoint: string, folder: string, signal: AbortSignal) {
  const { hostname, port } = new URL(endpoint);
  const loops = hostname === '127.0.0.1' || hostname === 'localhost';
  const names = join(import.meta.dirname, 'loopback-names.js');
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL: endpoint,
    // A bucket's name comes before the host's: an address has no room for it.
    AWS_ENDPOINT_URL_S3: loops ? `http://s3.localhost.localstack.cloud:${port}` : endpoint,
    AWS_ACCESS_KEY_ID: place.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: place.credentials.secretAccessKey,
    AWS_REGION: place.region,
    NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${names}`.trim(),
    CDK_DISABLE_VERSION_CHECK: '1',
  };
  const outputs = join(folder, 'outputs.json');
  const options = ['-c', `environment=${environment}`, '--output', join(folder, 'cdk.out'), '--no-notices'];
  const cdk = (...args: string[]) =>
    exec(...bound(process.execPath, [join(checkout, 'node_modules/aws-cdk/bin/cdk'), ...args, ...options]), {
      cwd: checkout,
      env,
      signal,
    });
  await cdk('bootstrap', `aws://${account}/${place.region}`);
  await cdk('deploy', stack, '--exclusively', '--require-approval', 'never', '--outputs-file', outputs);
  const found = outputsFile.parse(JSON.parse(await readFile(outputs, 'utf8')))[stack];
  if (found === undefined) throw new Error(`${outputs} has no outputs of ${stack}`);
  return found;
}
