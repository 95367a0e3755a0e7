import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import * as z from 'zod';

/** Compact JWS (RFC 7515) with ES256 (RFC 7518 §3.4) and nothing else: no `alg: none`, no key from the header. */

/** Signs one payload; async because the key may live in a KMS. */
export interface Signer {
  readonly kid: string;
  /** Raw r‖s signature (64 bytes) over `bytes`. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

const header = z.strictObject({
  alg: z.literal('ES256'),
  kid: z.string().min(1).max(128),
  typ: z.literal('JWT').optional(),
});

export class JwsError extends Error {
  override name = 'JwsError';
}

export async function signJws(payload: unknown, signer: Signer): Promise<string> {
  const input = `${base64url(JSON.stringify({ alg: 'ES256', kid: signer.kid }))}.${base64url(JSON.stringify(payload))}`;
  const signature = await signer.sign(Buffer.from(input));
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}

/**
 * The payload of a JWS whose signature holds under one of `keys` (by kid).
 * @throws JwsError naming the first thing that is wrong; the payload of a bad signature is never returned.
 */
export function verifyJws(jws: string, keys: ReadonlyMap<string, KeyObject>): unknown {
  const parts = jws.split('.');
  const [head, body, signature] = parts;
  if (parts.length !== 3 || head === undefined || body === undefined || signature === undefined || signature === '') {
    throw new JwsError('unsigned: not a compact JWS of three parts');
  }
  const parsed = header.safeParse(json(head, 'header'));
  if (!parsed.success) throw new JwsError('header must be {alg: "ES256", kid}');
  const key = keys.get(parsed.data.kid);
  if (key === undefined) throw new JwsError(`unknown key ${JSON.stringify(parsed.data.kid)}`);
  const raw = Buffer.from(signature, 'base64url');
  const ok = verifyBytes('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' }, raw);
  if (!ok) throw new JwsError('signature does not hold');
  return json(body, 'payload');
}

/** A signer over a P-256 private key in PEM. @throws Error if the PEM holds another kind of key. */
export function pemSigner(kid: string, pem: string): Signer {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Error('signing key must be EC P-256 (prime256v1)');
  return { kid, sign: async (bytes) => signBytes('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }) };
}

export function publicKey(pem: string): KeyObject {
  return createPublicKey(pem);
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function json(part: string, name: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    throw new JwsError(`${name} is no JSON`);
  }
}
