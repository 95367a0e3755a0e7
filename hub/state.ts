import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pemSigner, type Signer } from '../shared/wire/jws.ts';

/**
 * What a hub keeps beside its database, made at the first start, all 0600: a backup takes `holdfast.sqlite`,
 * `signing.pem` and `api-token`.
 */
export interface HubSecrets {
  readonly signer: Signer;
  /** kid → PEM, for exec.yaml. */
  readonly publicKeys: Readonly<Record<string, string>>;
  readonly apiToken: string;
}

export function hubDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'hub');
}

export function openSecrets(stateDirectory: string): HubSecrets {
  const directory = hubDirectory(stateDirectory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const pem = secretFile(join(directory, 'signing.pem'), () =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  const publicPem = createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString();
  // The kid is the key's own fingerprint: a restored or rotated key can never pass for another.
  const kid = createHash('sha256').update(publicPem).digest('hex').slice(0, 16);
  const apiToken = secretFile(join(directory, 'api-token'), () => `${randomBytes(24).toString('base64url')}\n`).trim();
  return { signer: pemSigner(kid, pem), publicKeys: { [kid]: publicPem }, apiToken };
}

export function readApiToken(stateDirectory: string): string {
  return readFileSync(join(hubDirectory(stateDirectory), 'api-token'), 'utf8').trim();
}

/** Reads a secret, or makes it once: written beside, synced, then renamed, so that no crash leaves half a key. */
function secretFile(path: string, make: () => string): string {
  if (!existsSync(path)) {
    const fd = openSync(`${path}.new`, 'w', 0o600);
    writeSync(fd, make());
    fsyncSync(fd);
    closeSync(fd);
    renameSync(`${path}.new`, path);
  }
  return readFileSync(path, 'utf8');
}
