import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EndpointRig, startRig } from './endpoint.fixture.ts';
import { startEndpoint } from './server.ts';

let rig: EndpointRig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const openssl = 'openssl';
const hasOpenssl = spawnSync(openssl, ['version']).status === 0;

describe('without TLS the endpoint', () => {
  it.each(['0.0.0.0', '::', '192.0.2.1', '::ffff:192.0.2.1', 'hub.example.org'])(
    'refuses to bind to %s',
    async (host) => {
      await expect(
        startEndpoint({ queues: rig.queues, keys: rig.keys, host, port: 0, onError: () => undefined }),
      ).rejects.toThrow(/needs TLS/);
    },
  );

  it('says so where its port is taken', async () => {
    const port = Number(new URL(rig.endpoint.url).port);
    await expect(
      startEndpoint({ queues: rig.queues, keys: rig.keys, host: '127.0.0.1', port, onError: () => undefined }),
    ).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('with TLS the endpoint', () => {
  it.skipIf(!hasOpenssl)(
    `serves https${hasOpenssl ? '' : ' (left out: needs openssl: apt-get install openssl)'}`,
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-tls-'));
      const [keyPath, certPath] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
      const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      execFileSync(openssl, ['req', '-x509', ...curve, '-keyout', keyPath, '-out', certPath, ...subject], {
        stdio: 'ignore',
      });
      const [key, cert] = [await readFile(keyPath, 'utf8'), await readFile(certPath, 'utf8')];
      const { queues, keys } = rig;
      const endpoint = await startEndpoint({
        queues,
        keys,
        host: '127.0.0.1',
        port: 0,
        tls: { key, cert },
        onError: () => undefined,
      });
      const body = await new Promise<string>((resolve, reject) => {
        const ask = request(endpoint.url, { method: 'POST', ca: cert, agent: false }, (response) => {
          response.setEncoding('utf8');
          response.on('data', resolve);
        });
        ask.on('error', reject);
        ask.end('{}');
      });
      expect(endpoint.url).toMatch(/^https:/);
      expect(body).toContain('MissingAuthenticationToken');
      await endpoint.close();
      await rm(folder, { recursive: true });
    },
  );
});
