import { createHash, createHmac } from 'node:crypto';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SignatureV4 } from '@smithy/signature-v4';
import { Failure, messageOf } from '../failure.ts';

export interface ApiRequest {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
}

/** The headers of a request, with what proves who sends it. */
export type Authorize = (
  request: ApiRequest,
  headers: Readonly<Record<string, string>>,
) => Promise<Record<string, string>>;

/** A hub: its token, and who the user says he is. */
export function byToken(token: string, actor: string): Authorize {
  return async (_request, headers) => ({ ...headers, authorization: `Bearer ${token}`, 'x-holdfast-actor': actor });
}

export function isAws(base: string): boolean {
  return URL.canParse(base) && /\.amazonaws\.com(\.cn)?$/.test(new URL(base).hostname);
}

/** AWS: the request is signed (SigV4), and API Gateway tells the functions which principal signed it. */
export function byAwsCredentials(base: string): Authorize {
  // https://ID.execute-api.REGION.amazonaws.com
  const region = new URL(base).hostname.split('.')[2] ?? '';
  const signer = new SignatureV4({ service: 'execute-api', region, credentials: defaultProvider(), sha256: Sha256 });
  return async ({ method, url, body }, headers) => {
    const query = Object.fromEntries(url.searchParams);
    const signed = { ...headers, host: url.host };
    const request = { method, protocol: url.protocol, hostname: url.hostname, path: url.pathname, query };
    try {
      return (await signer.sign({ ...request, headers: signed, body })).headers;
    } catch (error) {
      throw new Failure(`no AWS credentials to sign with (${messageOf(error)}); AWS_PROFILE and the like choose them`);
    }
  };
}

/** The hash in the form that the signer asks for. */
class Sha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {}
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
