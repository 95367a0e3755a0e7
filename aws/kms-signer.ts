import { createHash, createPublicKey } from 'node:crypto';
import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms';
import type { Signer } from '../shared/wire/jws.ts';

/** The signing key as KMS holds it: the private half never leaves it. */
export interface KmsKey {
  readonly signer: Signer;
  /** kid → PEM, for exec.yaml. */
  readonly publicKeys: Readonly<Record<string, string>>;
}

/** @throws Error if the key is no P-256 key for signing, or may not be read */
export async function openKmsKey(client: KMSClient, keyId: string): Promise<KmsKey> {
  const { PublicKey, KeySpec } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
  if (PublicKey === undefined || KeySpec !== 'ECC_NIST_P256') {
    throw new Error(`signing key ${keyId} is ${KeySpec}, want ECC_NIST_P256`);
  }
  const key = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' });
  const pem = key.export({ type: 'spki', format: 'pem' }).toString();
  // The kid is the key's own fingerprint, as on the hub: a rotated key can never pass for another.
  const kid = createHash('sha256').update(pem).digest('hex').slice(0, 16);
  const sign = async (bytes: Uint8Array): Promise<Uint8Array> => {
    // KMS signs 4 KB at most by itself; of a digest it takes any message's.
    const Message = createHash('sha256').update(bytes).digest();
    const command = new SignCommand({
      KeyId: keyId,
      Message,
      MessageType: 'DIGEST',
      SigningAlgorithm: 'ECDSA_SHA_256',
    });
    const { Signature } = await client.send(command);
    if (Signature === undefined) throw new Error(`signing key ${keyId} gave no signature`);
    return rawSignature(Signature);
  };
  return { signer: { kid, sign }, publicKeys: { [kid]: pem } };
}

const scalarBytes = 32;

/** r‖s, as JWS wants it (RFC 7518 §3.4), from `SEQUENCE { INTEGER r, INTEGER s }` (RFC 3279 §2.2.3). */
export function rawSignature(der: Uint8Array): Uint8Array {
  const raw = new Uint8Array(2 * scalarBytes);
  let at = 2;
  for (let end = scalarBytes; end <= raw.length; end += scalarBytes) {
    const length = der[at + 1] ?? 0;
    const integer = der.subarray(at + 2, at + 2 + length);
    if (der[0] !== 0x30 || der[at] !== 0x02 || integer.length !== length || length === 0 || length > scalarBytes + 1) {
      throw new Error('no ECDSA signature over P-256');
    }
    // An INTEGER has a leading zero where it would be negative, and none that it does not need.
    const scalar = integer.subarray(Math.max(0, length - scalarBytes));
    raw.set(scalar, end - scalar.length);
    at += 2 + length;
  }
  return raw;
}
