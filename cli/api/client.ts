import { userInfo } from 'node:os';
import type { AccessKey, Enrolled } from '../../functions/api/enrol.ts';
import type { FindingView, Overview, RelayView } from '../../functions/api/views.ts';
import { loadHubConfig } from '../../hub/config.ts';
import { readApiToken } from '../../hub/state.ts';
import type { Finding } from '../../shared/decide/finding.ts';
import type { Term } from '../../shared/wire/selection.ts';
import { Failure, messageOf, usage } from '../failure.ts';
import type { Places } from '../places.ts';
import { type Authorize, byAwsCredentials, byToken, isAws } from './authorize.ts';

/** The hub's API as the CLI sees it. Everything a person does goes through it, never through the hub's file. */
export class ApiClient {
  readonly #base: string;
  readonly #authorize: Authorize;

  constructor(base: string, authorize: Authorize) {
    this.#base = base.replace(/\/$/, '');
    this.#authorize = authorize;
  }

  static withToken(base: string, token: string, actor: string): ApiClient {
    return new ApiClient(base, byToken(token, actor));
  }

  /**
   * By HOLDFAST_API and HOLDFAST_TOKEN; an address of AWS's by the credentials that AWS's own tools would use; else the
   * hub of this machine by its config and token file.
   */
  static open(places: Places): ApiClient {
    const actor = userInfo().username;
    const { HOLDFAST_API: base, HOLDFAST_TOKEN: token } = process.env;
    if (base !== undefined && isAws(base)) return new ApiClient(base, byAwsCredentials(base));
    if (base !== undefined && token !== undefined) return ApiClient.withToken(base, token, actor);
    // Half of it must not end at another hub than the one that was named.
    if (base !== undefined)
      throw usage('HOLDFAST_API is set and HOLDFAST_TOKEN is not: what the hub keeps in `api-token`');
    if (token !== undefined) throw usage('HOLDFAST_TOKEN is set and HOLDFAST_API, the hub’s address, is not');
    const { listen, apiPort, tls } = loadHubConfig(places.config);
    try {
      const host = listen.includes(':') ? `[${listen}]` : listen;
      return ApiClient.withToken(
        `${tls === undefined ? 'http' : 'https'}://${host}:${apiPort}`,
        readApiToken(places.state),
        actor,
      );
    } catch (error) {
      throw usage(
        `no hub here (${messageOf(error)}); start one with \`holdfast up\`, or set HOLDFAST_API and HOLDFAST_TOKEN`,
      );
    }
  }

  status(): Promise<Overview> {
    return this.#call('GET', '/v1/status');
  }

  relays(): Promise<RelayView[]> {
    return this.#call('GET', '/v1/relays');
  }

  enrol(name: string, role?: string): Promise<Enrolled> {
    return this.#call('POST', '/v1/relays', { name, ...(role !== undefined && { role }) });
  }

  rotate(name: string): Promise<AccessKey> {
    return this.#call('POST', `/v1/relays/${encodeURIComponent(name)}/keys`);
  }

  finishRotation(name: string): Promise<void> {
    return this.#call('DELETE', `/v1/relays/${encodeURIComponent(name)}/keys`);
  }

  revoke(name: string): Promise<void> {
    return this.#call('DELETE', `/v1/relays/${encodeURIComponent(name)}`);
  }

  findings(days: number): Promise<Finding[]> {
    return this.#call('GET', `/v1/findings?days=${days}`);
  }

  finding(id: string): Promise<FindingView> {
    return this.#call('GET', `/v1/findings/${encodeURIComponent(id)}`);
  }

  approve(id: string, purge: readonly Term[], release: readonly Term[]): Promise<Finding> {
    return this.#call('POST', `/v1/findings/${encodeURIComponent(id)}/approve`, { purge, release });
  }

  undo(id: string): Promise<Finding> {
    return this.#call('POST', `/v1/findings/${encodeURIComponent(id)}/undo`);
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await this.#send(method, path, body);
    const text = await response.text();
    if (response.ok) return JSON.parse(text);
    const reason = errorOf(text) ?? `HTTP ${response.status}`;
    throw new Failure(`the hub says: ${reason}`, response.status === 400 || response.status === 404 ? 2 : 3);
  }

  async #send(method: string, path: string, body: object | undefined): Promise<Response> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const request = { method, url: new URL(this.#base + path), body: text ?? '' };
    const headers = await this.#authorize(request, { 'content-type': 'application/json' });
    try {
      return await fetch(request.url, { method, headers, ...(text !== undefined && { body: text }) });
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error);
      throw new Failure(`no answer from the hub at ${this.#base} (${cause}); is \`holdfast up\` running?`);
    }
  }
}

function errorOf(text: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && 'error' in parsed ? String(parsed.error) : undefined;
  } catch {
    return text.trim() === '' ? undefined : text.trim().slice(0, 300);
  }
}
