import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linesMessage } from '../shared/wire/events.ts';
import { unpackLines } from '../shared/wire/lines.ts';
import type { Line } from './lines.ts';
import { leavesHost, Packer } from './packer.ts';
import { asciiJson } from './queue-client.ts';

const newPacker = () => new Packer({ relay: 'mx1', file: '/var/log/mail.log', zone: 'Europe/Berlin' });

function linesOf(texts: readonly string[]): Line[] {
  let offset = 0;
  return texts.map((text) => {
    const line = { offset, end: offset + Buffer.byteLength(text) + 1, text };
    offset = line.end;
    return line;
  });
}

function packAll(lines: readonly Line[]): ReturnType<Packer['take']>[] {
  const packer = newPacker();
  const packs = [];
  for (const line of lines) {
    if (!packer.add(line)) {
      packs.push(packer.take());
      expect(packer.add(line)).toBe(true);
    }
  }
  if (!packer.isEmpty) packs.push(packer.take());
  return packs;
}

describe('packer', () => {
  it('ships what the hub reads and counts what stays here in the range', () => {
    const texts = ['x postfix/smtpd[1]: connect from a[1.2.3.4]', 'x sshd[9]: hello', 'x postfix/qmgr[2]: A: removed'];
    const [pack] = packAll(linesOf(texts));
    expect(pack).toMatchObject({ v: 1, kind: 'lines', n: 2, all: 3, from: 0, to: texts.join('\n').length + 1 });
    expect(unpackLines(linesMessage.parse(pack))).toEqual([texts[0], texts[2]]);
  });

  it('leaves the lines of other programs on the host', () => {
    expect(leavesHost('Nov 24 10:00:00 mx sshd[1]: Accepted password for root')).toBe(false);
    expect(leavesHost('Nov 24 10:00:00 mx postfix/lmtp[1]: A: to=<a@b>, status=sent (250 ok)')).toBe(true);
  });

  it('cuts a line at 2,048 bytes and closes a pack at 300 lines', () => {
    const long = `postfix/smtpd[1]: ${'ü'.repeat(5_000)}`;
    const packs = packAll(linesOf([long, ...Array.from({ length: 300 }, (_, index) => `postfix/smtpd[1]: ${index}`)]));
    expect(packs.map((pack) => pack.n)).toEqual([300, 1]);
    const [first] = unpackLines(linesMessage.parse(packs[0]));
    expect(Buffer.byteLength(first ?? '')).toBeLessThanOrEqual(2_050);
  });

  it('begins another pack where the chain breaks', () => {
    const packer = newPacker();
    expect(packer.add({ offset: 100, end: 110, text: 'postfix/smtpd[1]:' })).toBe(true);
    expect(packer.add({ offset: 0, end: 10, text: 'postfix/smtpd[1]:' })).toBe(false);
  });

  it('keeps a body below 200 KB whatever the lines hold', () => {
    const noise = () => `postfix/smtpd[1]: ${randomBytes(1_500).toString('latin1').replaceAll('\n', ' ')}`;
    for (const pack of packAll(linesOf(Array.from({ length: 600 }, noise)))) {
      expect(asciiJson(pack).length).toBeLessThan(200_000);
    }
  });

  it('joins packs without a gap and gives back every line that leaves, for any lines', () => {
    const text = fc.string({ maxLength: 80 }).map((each) => each.replaceAll('\n', ' '));
    const line = fc.oneof(
      text,
      text.map((each) => `postfix/smtpd[1]: ${each}`),
      fc.constant(`status=${'z'.repeat(1_900)}`),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 900 }), (texts) => {
        const packs = packAll(linesOf(texts));
        let expectedFrom = 0;
        for (const pack of packs) {
          expect(pack.from).toBe(expectedFrom);
          expect(pack.n).toBeLessThanOrEqual(300);
          expectedFrom = pack.to;
        }
        expect(packs.flatMap((pack) => unpackLines(linesMessage.parse(pack)))).toEqual(
          texts.filter(leavesHost).map((each) => Buffer.from(each).toString()),
        );
      }),
      { numRuns: 100 },
    );
  });
});
