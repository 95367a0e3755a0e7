import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import * as z from 'zod';
import type { Fact, Part } from '../correlate/facts.ts';

/**
 * The packed form of a part, as the Store keeps it: zstd over JSON in which every text stands once. 7 to 15 bytes a
 * log line on real logs (bench/parts.ts); docs/store.md has sizes and prices.
 */
const maxUnpackedBytes = 16 * 1024 * 1024;

export function packPart(part: Part): Uint8Array {
  const strings = new Dictionary();
  const traces = part.traces.map((trace) => [
    strings.index(trace.instance),
    trace.queueId,
    ...trace.facts.map((fact) => packFact(fact, strings)),
  ]);
  const range = part.range && [part.range.file, part.range.from, part.range.to];
  const body = { v: 1, relay: part.relay, range, counts: part.counts, strings: strings.values, traces };
  return zstdCompressSync(JSON.stringify(body));
}

/** @throws Error if the bytes are no part of version 1: the Store wrote them, so this is corruption, not input. */
export function unpackPart(bytes: Uint8Array): Part {
  const text = zstdDecompressSync(bytes, { maxOutputLength: maxUnpackedBytes }).toString('utf8');
  const { relay, range, counts, strings, traces } = packed.parse(JSON.parse(text));
  const at = (index: number): string => strings[index] ?? '';
  return {
    relay,
    ...(range !== undefined && { range: { file: range[0], from: range[1], to: range[2] } }),
    counts,
    traces: traces.map(([instance, queueId, ...facts]) => ({
      instance: at(instance),
      queueId,
      facts: facts.map((fact) => unpackFact(fact, at)),
    })),
  };
}

class Dictionary {
  readonly values: string[] = [];
  readonly #known = new Map<string, number>();
  index(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    this.#known.set(text, this.values.length);
    return this.values.push(text) - 1;
  }
}

const index = z.int().nonnegative();
const optionalIndex = z.int().min(-1);
const packedFact = z.union([
  // The rest: the process number, in parts of today.
  z.tuple([z.literal('a'), z.int(), index, optionalIndex, optionalIndex], z.int()),
  z.tuple([z.literal('p'), z.int(), index, optionalIndex]),
  z.tuple([z.literal('m'), z.int(), z.string()]),
  z.tuple([z.literal('q'), z.int(), index, z.number(), z.number()]),
  z.tuple([z.literal('o'), z.int(), z.string(), index, index, optionalIndex, optionalIndex, z.string()]),
  z.tuple([z.literal('s'), z.int(), index]),
  z.tuple([z.literal('h'), z.int(), z.enum(['command', 'content'])]),
  z.tuple([z.literal('x'), z.int(), index, optionalIndex]),
  z.tuple([z.literal('y'), z.int(), z.string(), optionalIndex]),
]);
type PackedFact = z.infer<typeof packedFact>;

const packed = z.object({
  v: z.literal(1),
  relay: z.string(),
  range: z.tuple([z.string(), z.int(), z.int()]).optional(),
  counts: z.object({
    parsed: z.int(),
    malformed: z.int(),
    ignored: z.record(z.string(), z.int()),
    tooLate: z.int(),
  }),
  strings: z.array(z.string()),
  traces: z.array(z.tuple([index, z.string()], packedFact)),
});

function packFact(fact: Fact, strings: Dictionary): PackedFact {
  const optional = (text: string | undefined): number => (text === undefined ? -1 : strings.index(text));
  const { atMicros } = fact;
  switch (fact.kind) {
    case 'accepted':
      return [
        'a',
        atMicros,
        strings.index(fact.client),
        optional(fact.login),
        optional(fact.origQueueId),
        ...(fact.pid === undefined ? [] : [fact.pid]),
      ];
    case 'picked':
      return ['p', atMicros, strings.index(fact.sender), optional(fact.origId)];
    case 'messageId':
      return ['m', atMicros, fact.hash];
    case 'queued':
      return ['q', atMicros, strings.index(fact.sender), fact.sizeBytes, fact.recipients];
    case 'outcome': {
      const { recipient, status, reply, remote, child } = fact;
      const address = optional(child?.address);
      return [
        'o',
        atMicros,
        recipient,
        strings.index(status),
        strings.index(reply),
        optional(remote),
        address,
        child?.queueId ?? '',
      ];
    }
    case 'proxied':
      return ['x', atMicros, strings.index(fact.client), optional(fact.login)];
    case 'proxyAnswered':
      return ['y', atMicros, fact.queueId, optional(fact.login)];
    case 'held':
      return fact.promised === undefined ? ['s', atMicros, strings.index(fact.kind)] : ['h', atMicros, fact.promised];
    case 'released':
    case 'removed':
    case 'purged':
    case 'requeued':
    case 'notice':
    case 'discarded':
    case 'refused':
    case 'lost':
      return ['s', atMicros, strings.index(fact.kind)];
  }
}

function unpackFact(packed: PackedFact, at: (index: number) => string): Fact {
  const atMicros = packed[1];
  switch (packed[0]) {
    case 'a': {
      const [, , client, login, orig, pid] = packed;
      return {
        kind: 'accepted',
        atMicros,
        client: at(client),
        ...(login >= 0 && { login: at(login) }),
        ...(pid !== undefined && { pid }),
        ...(orig >= 0 && { origQueueId: at(orig) }),
      };
    }
    case 'p':
      return { kind: 'picked', atMicros, sender: at(packed[2]), ...(packed[3] >= 0 && { origId: at(packed[3]) }) };
    case 'm':
      return { kind: 'messageId', atMicros, hash: packed[2] };
    case 'q':
      return { kind: 'queued', atMicros, sender: at(packed[2]), sizeBytes: packed[3], recipients: packed[4] };
    case 'o': {
      const [, , recipient, status, reply, remote, address, queueId] = packed;
      return {
        kind: 'outcome',
        atMicros,
        recipient,
        // The Store wrote these words from the closed unions.
        status: at(status) as Extract<Fact, { kind: 'outcome' }>['status'],
        reply: at(reply) as Extract<Fact, { kind: 'outcome' }>['reply'],
        ...(remote >= 0 && { remote: at(remote) }),
        ...(address >= 0 && { child: { address: at(address), queueId } }),
      };
    }
    case 'h':
      return { kind: 'held', atMicros, promised: packed[2] };
    case 'x': {
      const [, , client, login] = packed;
      return { kind: 'proxied', atMicros, client: at(client), ...(login >= 0 && { login: at(login) }) };
    }
    case 'y':
      return {
        kind: 'proxyAnswered',
        atMicros,
        queueId: packed[2],
        ...(packed[3] >= 0 && { login: at(packed[3]) }),
      };
    case 's':
      return { kind: at(packed[2]) as 'held', atMicros };
  }
}
