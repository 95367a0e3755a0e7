import { createHash, type KeyObject } from 'node:crypto';
import { type AccountRule, canonicalAccount } from '../../shared/account/account.ts';
import { JwsError, publicKey, verifyJws } from '../../shared/wire/jws.ts';
import { type CommandOrder, type DesiredOrder, type Order, order as orderSchema } from '../../shared/wire/orders.ts';
import type { ExecConfig } from './config.ts';
import type { Ledger, OrderRecord } from './ledger.ts';

/** What exec makes of a JWS. A refusal's reason is one line; nothing of a refused order is remembered. */
export type Verdict =
  | { readonly verdict: 'accept'; readonly order: Order; readonly hash: string }
  /** The very same order again: it has its answer, or is at work. */
  | { readonly verdict: 'known'; readonly record: OrderRecord }
  | { readonly verdict: 'refuse'; readonly state: 'refused' | 'expired'; readonly reason: string };

/** An order that is not to be obeyed. */
class Refusal extends Error {
  override name = 'Refusal';
  readonly state: 'refused' | 'expired';
  constructor(reason: string, state: 'refused' | 'expired' = 'refused') {
    super(reason);
    this.state = state;
  }
}

const noRule: AccountRule = { realmAliases: {} };

export class Verifier {
  readonly #config: ExecConfig;
  readonly #ledger: Ledger;
  readonly #keys: ReadonlyMap<string, KeyObject>;

  /** @throws Error naming the key that cannot be read */
  constructor(config: ExecConfig, ledger: Ledger) {
    this.#config = config;
    this.#ledger = ledger;
    this.#keys = new Map(Object.entries(config.hubKeys).map(([kid, pem]) => [kid, readKey(kid, pem)]));
  }

  judge(jws: string): Verdict {
    try {
      const order = this.#parse(jws);
      // Over the signed part only: an ECDSA signature has a second valid form.
      const hash = createHash('sha256')
        .update(jws.slice(0, jws.lastIndexOf('.')))
        .digest('hex');
      const record = this.#ledger.order(order.jti);
      if (record?.hash === hash) return { verdict: 'known', record };
      if (record !== undefined) throw new Refusal(`another order came as ${order.jti} before`);
      this.#ledger.clock.witness(order.issuedAt);
      const now = this.#ledger.clock.now();
      if (order.notAfter < now) {
        throw new Refusal(`expired ${Math.ceil((now - order.notAfter) / 1000)} s ago, by hub time`, 'expired');
      }
      if (order.kind === 'desired') this.#checkDesired(order);
      else this.#checkCommand(order);
      return { verdict: 'accept', order, hash };
    } catch (error) {
      if (error instanceof Refusal) return { verdict: 'refuse', state: error.state, reason: error.message };
      throw error;
    }
  }

  #parse(jws: string): Order {
    let payload: unknown;
    try {
      payload = verifyJws(jws, this.#keys);
    } catch (error) {
      if (error instanceof JwsError) throw new Refusal(error.message);
      throw error;
    }
    const parsed = orderSchema.safeParse(payload);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new Refusal(`not an order: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`.slice(0, 500));
    }
    if (parsed.data.relay !== this.#config.relay) throw new Refusal(`addressed to relay ${parsed.data.relay}`);
    return parsed.data;
  }

  #checkDesired(order: DesiredOrder): void {
    const { generation, piece } = order;
    const highest = this.#ledger.generation;
    if (generation < highest) throw new Refusal(`generation ${generation} is older than ${highest}`);
    if (piece.index >= piece.count) throw new Refusal(`piece ${piece.index} of ${piece.count}`);
    for (const other of this.#ledger.pieces(generation)) {
      if (other.piece.index === piece.index || other.piece.count !== piece.count || other.digest !== order.digest) {
        throw new Refusal(`generation ${generation} is known with other content`);
      }
    }
  }

  #checkCommand(order: CommandOrder): void {
    const { account, act, number } = order;
    const last = this.#ledger.lastNumber(account ?? '');
    if (number <= last) throw new Refusal(`number ${number} is not above ${last} (replayed or late)`);
    const needsAccount = act === 'hold' || act === 'release' || act === 'purge' || act === 'kick';
    if (needsAccount && account === undefined) throw new Refusal(`${act} without an account`);
    const rule = order.accountRule ?? this.#ledger.inForce[0]?.accountRule ?? noRule;
    if (account !== undefined && canonicalAccount(account, rule) !== account) {
      throw new Refusal(`account ${JSON.stringify(account)} is not in canonical form`);
    }
    if ((act === 'purge' || act === 'release') && order.selection === undefined) {
      throw new Refusal(`${act} must say what it selects`);
    }
    if (act === 'purge' && !this.#config.allowPurge)
      throw new Refusal('purge is not allowed on this relay (allowPurge)');
    if (account !== undefined && act !== 'release' && act !== 'prove' && isProtected(this.#config, account, rule)) {
      throw new Refusal(`account ${account} is protected on this relay`);
    }
    const limit = this.#config.limits.commandsPerHour;
    if (this.#ledger.commandsWithinHour() >= limit) throw new Refusal(`over ${limit} commands within an hour`);
  }
}

/** exec.yaml may name an account as people type it; orders name it canonically. */
export function isProtected(config: ExecConfig, account: string, rule: AccountRule): boolean {
  return config.protectedAccounts.some((each) => canonicalAccount(each, rule) === account);
}

function readKey(kid: string, pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = publicKey(pem);
  } catch (error) {
    throw new Error(`hubKeys.${kid}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error(`hubKeys.${kid}: not an EC P-256 key`);
  return key;
}
