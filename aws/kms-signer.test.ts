import { generateKeyPairSync, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rawSignature } from './kms-signer.ts';

test('a DER signature becomes the raw one of JWS, which verifies', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  for (let round = 0; round < 200; round++) {
    const message = Buffer.from(`message ${round}`);
    const raw = rawSignature(sign('sha256', message, privateKey));
    expect(raw).toHaveLength(64);
    expect(verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, raw)).toBe(true);
  }
});

test('numbers of any length come back with their leading zeros', () => {
  const scalar = fc.uint8Array({ minLength: 1, maxLength: 32 }).filter(([first]) => first !== 0);
  // DER: as short as can be, and never negative.
  const integer = (bytes: Uint8Array): number[] => {
    const signed = (bytes[0] ?? 0) > 0x7f ? [0, ...bytes] : [...bytes];
    return [0x02, signed.length, ...signed];
  };
  const padded = (bytes: Uint8Array): number[] => [...new Uint8Array(32 - bytes.length), ...bytes];
  fc.assert(
    fc.property(scalar, scalar, (r, s) => {
      const body = [...integer(r), ...integer(s)];
      expect([...rawSignature(Uint8Array.from([0x30, body.length, ...body]))]).toEqual([...padded(r), ...padded(s)]);
    }),
  );
});

test('what is no P-256 signature is refused', () => {
  const cut = sign('sha256', Buffer.from('x'), generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  for (const der of [new Uint8Array(), new Uint8Array([0x30, 0]), cut.subarray(0, 40), Buffer.from('no signature')]) {
    expect(() => rawSignature(der)).toThrow('no ECDSA signature over P-256');
  }
});
