import { userInfo } from 'node:os';
import type { Enrolled } from '../../functions/api/enrol.ts';
import type { FindingView, Overview, RelayView } from '../../functions/api/views.ts';
import { loadHubConfig } from '../../hub/config.ts';
import { readApiToken } from '../../hub/state.ts';
import type { Finding } from '../../shared/decide/finding.ts';
import type { Term } from '../../shared/wire/selection.ts';
import { Failure, messageOf, usage } from '../failure.ts';
import type { Places } from '../places.ts';

/** The hub's API as the CLI sees it. Everything a person does goes through it, never through the hub's file. */
export class ApiClient {
  readonly #base: string;
  readonly #token: string;
  readonly #actor: string;

  constructor(base: string, token: string, actor: string) {
    this.#base = base.replace(/\/$/, '');
    this.#token = token;
    this.#actor = actor;
  }

  /** By HOLDFAST_API and HOLDFAST_TOKEN, else the hub of this machine by its config and token file. */
  static open(places: Places): ApiClient {
    const actor = userInfo().username;
    const { HOLDFAST_API: base, HOLDFAST_TOKEN: token } = process.env;
    if (base !== undefined && token !== undefined) return new ApiClient(base, token, actor);
    const { listen, apiPort, tls } = loadHubConfig(places.config);
    try {
      const host = listen.includes(':') ? `[${listen}]` : listen;
      return new ApiClient(
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

  enrol(name: string): Promise<Enrolled> {
    return this.#call('POST', '/v1/relays', { name });
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
    const headers = {
      authorization: `Bearer ${this.#token}`,
      'x-holdfast-actor': this.#actor,
      'content-type': 'application/json',
    };
    try {
      return await fetch(this.#base + path, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
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
