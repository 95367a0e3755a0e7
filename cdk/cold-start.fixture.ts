import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import * as z from 'zod';

const lambda = z.object({
  Type: z.literal('AWS::Lambda::Function'),
  Properties: z.object({
    FunctionName: z.string(),
    Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }),
  }),
  Metadata: z.object({ 'aws:asset:path': z.string() }),
});

export interface Bundle {
  /** `ingest` */
  readonly name: string;
  /** What is deployed: the bundle, and the rules beside it. */
  readonly folder: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** Each function's bundle, as synthesis made it for deployment. */
export function bundlesOf(assembly: CloudAssembly): Bundle[] {
  const resources: unknown[] = assembly.stacks.flatMap(({ template }) => Object.values(template.Resources));
  return resources.flatMap((resource) => {
    const parsed = lambda.safeParse(resource);
    if (!parsed.success) return [];
    const { Properties, Metadata } = parsed.data;
    const folder = join(assembly.directory, Metadata['aws:asset:path']);
    // References, in the template: queues' URLs, ARNs.
    const told = Object.entries(Properties.Environment.Variables).map(
      ([name, value]) => [name, typeof value === 'string' ? value : 'https://sqs.test/1/q'] as const,
    );
    const variables = { ...Object.fromEntries(told), HOLDFAST_RULES: join(folder, 'rules') };
    return [{ name: Properties.FunctionName.split('-').at(-1) ?? '', folder, variables }];
  });
}

const started = z.object({ handler: z.string(), readyMs: z.number(), residentMb: z.number() });

/**
 * Starts a bundle in a Node process of its own, as a cold start does, until its handler is there. What it asks of AWS
 * meanwhile, it asks `endpoint`.
 */
export async function coldStart({ folder, variables }: Bundle, endpoint: string) {
  const url = pathToFileURL(join(folder, 'index.mjs')).href;
  const program = `const { handler } = await import(${JSON.stringify(url)});
    const [readyMs, residentMb] = [performance.now(), process.memoryUsage.rss() / 2 ** 20];
    console.log(JSON.stringify({ handler: typeof handler, readyMs, residentMb }));
    process.exit();`;
  const env = {
    ...variables,
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    // As in Lambda, else the tracer switches itself off.
    AWS_LAMBDA_FUNCTION_NAME: variables['POWERTOOLS_SERVICE_NAME'] ?? '',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    LAMBDA_TASK_ROOT: folder,
    _X_AMZN_TRACE_ID: 'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0',
  };
  const args = ['--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, cwd: folder });
  return started.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
}

/** As much of AWS as a cold start asks for: what keys are made from, and the signing key's public half. */
export async function startAwsStub() {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const fixed = JSON.stringify({ realmAliases: {}, hashKey: Buffer.alloc(32).toString('base64') });
  const answers: Readonly<Record<string, object>> = {
    'DynamoDB_20120810.GetItem': { Item: { pk: { S: 'hub' }, sk: { S: 'fixed' }, json: { S: fixed } } },
    'TrentService.GetPublicKey': {
      KeySpec: 'ECC_NIST_P256',
      PublicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    },
  };
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    await text(request);
    const action = String(request.headers['x-amz-target']);
    asked.push(action);
    const answer = answers[action];
    response.writeHead(answer === undefined ? 400 : 200, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify(answer ?? { __type: 'UnknownOperationException' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    /** Targets, in the order of their requests. */
    asked,
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
