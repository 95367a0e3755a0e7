import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { startPostfix } from '../../lab/postfix.ts';
import { describeWithPostfix } from '../../lab/real-parts.ts';
import { checkWiring } from './wiring.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describeWithPostfix('the wiring of a real instance', () => {
  test('what the check says to type is typed, and then it has nothing more to say', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-wiring-'));
    closers.push(() => rm(directory, { recursive: true, force: true }));
    const postfix = await startPostfix({
      ...{ directory, name: 'wiring', address: '127.0.1.77', users: [], realm: 'example.org' },
      saslAccessMap: false,
      portLogging: false,
      extraMain: {
        mine: 'permit_sasl_authenticated',
        smtpd_sender_restrictions: 'check_sender_access inline:{x=OK}, $mine',
      },
      extraMaster: ['127.0.1.77:2599 inet n - n - - smtpd -o smtpd_sender_restrictions=$mine,reject'],
    });
    closers.push(() => postfix.stop());
    const instance = { name: 'wiring', configDirectory: postfix.configDirectory };
    const { commands, warnings } = await checkWiring(instance);
    expect(warnings).toEqual([]);
    expect(commands).toHaveLength(5);
    for (const command of commands.slice(0, -1)) execFileSync('/bin/sh', ['-c', command]);
    expect(await checkWiring(instance)).toEqual({ instance: 'wiring', commands: [], warnings: [] });
  });
});
