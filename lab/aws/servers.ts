import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { javaHome } from './missing.ts';
import type { Parts } from './parts.ts';
import { type Server, startServer } from './server.ts';

/** Not Amazon's: none of these servers checks credentials, the SDK only wants some. */
export const place = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } } as const;

const loopback = '127.0.0.1';

export interface Start {
  readonly parts: Parts;
  /** For what a server keeps; removed with the stand. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

export async function startElasticMq({ parts, folder, signal }: Start): Promise<Server> {
  const port = await freePort(loopback);
  const url = `http://${loopback}:${port}`;
  const config = join(folder, 'elasticmq.conf');
  const address = `protocol = http, host = "${loopback}", port = ${port}, context-path = ""`;
  await writeFile(
    config,
    `include classpath("application.conf")
node-address { ${address} }
rest-sqs { enabled = true, bind-port = ${port}, bind-hostname = "${loopback}", sqs-limits = strict }
rest-stats { enabled = false }
generate-node-address = false
`,
  );
  return startServer({
    command: 'java',
    args: ['-Xmx256m', `-Dconfig.file=${config}`, '-cp', 'lib/*', 'org.elasticmq.server.Main'],
    cwd: parts.elasticmq,
    log: join(folder, 'elasticmq.log'),
    url,
    isReady: () => fetch(url),
    signal,
  });
}

export async function startDynamodbLocal({ parts, folder, signal }: Start): Promise<Server> {
  const port = await freePort(loopback);
  const url = `http://${loopback}:${port}`;
  const library = '-Djava.library.path=DynamoDBLocal_lib';
  const options = ['-inMemory', '-sharedDb', '-disableTelemetry', '-port', String(port)];
  return startServer({
    command: 'java',
    args: ['-Xmx512m', library, '-jar', 'DynamoDBLocal.jar', ...options],
    cwd: parts.dynamodbLocal,
    log: join(folder, 'dynamodb-local.log'),
    url,
    isReady: () => fetch(url),
    signal,
  });
}

/** LocalStack in host mode, without Docker: all of its free edition but Lambda. */
export async function startLocalstack({ parts, folder, signal }: Start): Promise<Server> {
  const port = await freePort(loopback);
  const url = `http://${loopback}:${port}`;
  const root = join(folder, 'localstack');
  await installDynamodb(parts, join(root, 'var/lib/localstack/lib'));
  return startServer({
    command: join(parts.localstack, 'venv/bin/python'),
    args: ['-m', 'localstack.runtime.main'],
    cwd: folder,
    log: join(folder, 'localstack.log'),
    env: {
      // An IPv4 address here is dropped, and it would listen on all interfaces.
      GATEWAY_LISTEN: `[::ffff:${loopback}]:${port}`,
      LOCALSTACK_HOST: `localhost.localstack.cloud:${port}`,
      // Where there is a /.dockerenv it takes itself for a container and writes all over the machine.
      OVERRIDE_IN_DOCKER: '0',
      FILESYSTEM_ROOT: root,
      // The other providers fetch a mock of Kinesis, and start it on all interfaces.
      PROVIDER_OVERRIDE_DYNAMODB: 'v2',
      PROVIDER_OVERRIDE_DYNAMODBSTREAMS: 'v2',
      DYNAMODB_IN_MEMORY: '1',
      DNS_ADDRESS: '0',
      DISABLE_EVENTS: '1',
      SKIP_SSL_CERT_DOWNLOAD: '1',
    },
    url,
    isReady: async () => (await fetch(`${url}/_localstack/health`)).json(),
    signal,
  });
}

/** Where LocalStack would put a DynamoDB Local and a Java that it wants to download. */
async function installDynamodb(parts: Parts, library: string): Promise<void> {
  const home = javaHome();
  if (home === undefined) throw new Error('no JDK');
  await mkdir(join(library, 'dynamodb-local'), { recursive: true });
  await symlink(parts.dynamodbLocal, join(library, 'dynamodb-local/2'));
  await mkdir(join(library, 'java'));
  await symlink(home, join(library, 'java/21'));
}
