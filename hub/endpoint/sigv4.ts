import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { SqsFault } from '../sqs-fault.ts';

/**
 * AWS Signature Version 4 in the `Authorization` header, checked by its recipe (AWS IAM user guide, "Create a signed
 * AWS API request"). Strict where AWS has options that we do not need: the path is `/`, there is no query, the body's
 * hash is always our own, and unsigned or streamed payloads are refused.
 */
export interface Claim {
  readonly accessKeyId: string;
  /** `YYYYMMDD`, the region and the service that the signing key was derived for. */
  readonly day: string;
  readonly region: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `x-amz-date` as sent: `YYYYMMDDTHHMMSSZ`. */
  readonly date: string;
}

/** What no request may leave out of its signature: else it could be sent elsewhere, later, or as another action. */
const mustSign = ['host', 'x-amz-date', 'x-amz-target'];

const maxSkewMs = 5 * 60_000;

const authorization =
  /^AWS4-HMAC-SHA256 +Credential=([^/,\s]{1,128})\/(\d{8})\/([a-z0-9-]{1,64})\/sqs\/aws4_request, *SignedHeaders=([a-z0-9;-]{1,1024}), *Signature=([0-9a-f]{64})$/;

/** Reads what the head of a request claims, and proves nothing. @throws SqsFault */
export function readClaim(headers: IncomingHttpHeaders): Claim {
  const header = headers.authorization;
  if (header === undefined) {
    throw new SqsFault('MissingAuthenticationToken', 'The request has no Authorization header: sign it with SigV4.');
  }
  const [, accessKeyId, day, region, signed, signature] = authorization.exec(header) ?? [];
  if (
    accessKeyId === undefined ||
    day === undefined ||
    region === undefined ||
    signed === undefined ||
    signature === undefined
  ) {
    throw new SqsFault(
      'IncompleteSignature',
      'Authorization must read: AWS4-HMAC-SHA256 Credential=KEY/DAY/REGION/sqs/aws4_request, SignedHeaders=…, Signature=…',
    );
  }
  const signedHeaders = signed.split(';');
  const missing = mustSign.find((name) => !signedHeaders.includes(name) || headers[name] === undefined);
  if (missing !== undefined)
    throw new SqsFault('IncompleteSignature', `The header ${missing} must be there and signed.`);
  const date = one(headers, 'x-amz-date');
  if (!/^\d{8}T\d{6}Z$/.test(date) || !date.startsWith(day)) {
    throw new SqsFault('IncompleteSignature', `x-amz-date ${date} and the credential's day ${day} do not agree.`);
  }
  return { accessKeyId, day, region, signedHeaders, signature, date };
}

/** @throws SqsFault naming both clocks, where they are more than five minutes apart */
export function checkSkew(claim: Claim, nowMs: number): void {
  const [, year, month, day, hour, minute, second] = /^(....)(..)(..)T(..)(..)(..)Z$/.exec(claim.date) ?? [];
  const signedAtMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // Not within, rather than beyond: a date that is none (month 13) is refused too.
  if (!(Math.abs(nowMs - signedAtMs) <= maxSkewMs)) {
    const now = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
    throw new SqsFault(
      'RequestExpired',
      `Signed at ${claim.date} by the sender's clock, but it is ${now} here: more than five minutes apart. Set the clock.`,
    );
  }
}

/** @throws SqsFault unless the request, as received, was signed with this secret */
export function checkSignature(claim: Claim, headers: IncomingHttpHeaders, body: Uint8Array, secret: string): void {
  const bodyHash = createHash('sha256').update(body).digest('hex');
  const stated = headers['x-amz-content-sha256'];
  if (stated !== undefined && stated !== bodyHash) {
    throw new SqsFault('SignatureDoesNotMatch', 'x-amz-content-sha256 is not the SHA-256 of the body that arrived.');
  }
  const canonicalHeaders = claim.signedHeaders.map(
    (name) => `${name}:${one(headers, name).trim().replace(/ +/g, ' ')}\n`,
  );
  const canonicalRequest = ['POST', '/', '', canonicalHeaders.join(''), claim.signedHeaders.join(';'), bodyHash];
  const scope = `${claim.day}/${claim.region}/sqs/aws4_request`;
  const requestHash = createHash('sha256').update(canonicalRequest.join('\n')).digest('hex');
  const toSign = ['AWS4-HMAC-SHA256', claim.date, scope, requestHash].join('\n');
  const key = [claim.day, claim.region, 'sqs', 'aws4_request'].reduce(
    (key: string | Buffer, step) => createHmac('sha256', key).update(step).digest(),
    `AWS4${secret}`,
  );
  const expected = createHmac('sha256', key).update(toSign).digest();
  if (!timingSafeEqual(expected, Buffer.from(claim.signature, 'hex'))) {
    throw new SqsFault(
      'SignatureDoesNotMatch',
      'The signature is not the one that this request has under this key: wrong secret, or changed on its way.',
    );
  }
}

/** Node joins repeated headers or keeps the first; what is verified here is what the endpoint acts upon. */
function one(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  if (typeof value !== 'string') throw new SqsFault('IncompleteSignature', `The signed header ${name} is not there.`);
  return value;
}
