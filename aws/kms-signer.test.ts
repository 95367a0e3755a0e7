import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { rawSignature } from './kms-signer.ts';

test('a DER signature becomes the raw one of JWS, whatever its leading zeros', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const lengths = new Set<number>();
  for (let round = 0; round < 2000; round++) {
    const message = Buffer.from(`message ${round}`);
    const der = sign('sha256', message, privateKey);
    lengths.add(der.length);
    const raw = rawSignature(der);
    expect(raw).toHaveLength(64);
    expect(verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, raw)).toBe(true);
  }
  // 70 to 72 bytes are the common ones; shorter ones come where r or s begins with zeros.
  expect(lengths.size).toBeGreaterThan(3);
});

test('what is no P-256 signature is refused', () => {
  const cut = sign('sha256', Buffer.from('x'), generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  for (const der of [new Uint8Array(), new Uint8Array([0x30, 0]), cut.subarray(0, 40), Buffer.from('no signature')]) {
    expect(() => rawSignature(der)).toThrow('no ECDSA signature over P-256');
  }
});
