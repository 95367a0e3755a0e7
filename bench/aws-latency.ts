/**
 * From the log line that crosses a rule's threshold to the order in the relay's hands, over a stack deployed on LocalStack
 * (lab/aws): `node bench/aws-latency.ts [RUNS]`. Twice: with the agent's own shipper, which sends early in a burst, and
 * with packs of ten seconds as Vector makes them. The functions are warm. Figures: docs/benchmarks.md.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { place } from '../lab/aws/servers.ts';
import { ownEndpoints, standFolder, startStand } from '../lab/aws/stand.ts';
import { order } from '../shared/wire/orders.ts';
import { settingsFromOutputs, startLocalLambdas } from './aws/central.ts';
import { agentShipper, type ShipperMaker, tenSecondShipper } from './aws/shippers.ts';
import { RelayLog } from './aws/traffic.ts';

const runs = Number(process.argv[2] ?? 20);
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const mailsPerSecond = 8;
/** rules/sender-rotation.yaml: the twentieth mail crosses, under more than eight senders. */
const crossing = 20;

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
const { stand, close } = await startStand(ownEndpoints(process.env), standFolder(), interrupted.signal);
try {
  const { stack } = stand;
  if (stack === undefined) throw new Error('no stack: give HOLDFAST_TEST_AWS_ENDPOINT, or nothing at all');
  const { endpoint, outputs } = stack;
  const settings = settingsFromOutputs('local', outputs, { endpoint, region: place.region, realm: 'example.org' });
  const central = await startLocalLambdas(settings, quiet);
  const relay = `bench${Date.now()}`;
  const { access } = await central.api.enrol(relay);
  const sqs = new SQSClient({ ...place, endpoint });
  const log = new RelayLog(relay, 1);
  let serial = 0;

  const measure = async (maker: ShipperMaker): Promise<number> => {
    const login = `thief${serial++}-${relay}@example.org`;
    const shipper = await maker(access, log);
    try {
      // Anywhere within a pack of ten seconds.
      await sleep(Math.random() * 10_000);
      let arrivedAt: number | undefined;
      const arrival = orderFor(login).then((at) => {
        arrivedAt = at;
      });
      let crossedAt = 0;
      for (let mail = 1; arrivedAt === undefined; mail++) {
        const letter = { sender: `s${mail}@forged.test`, recipients: ['x@far.test'], client: '203.0.113.9' };
        await shipper.write(log.lines({ ...letter, login, atMs: Date.now(), held: true }));
        if (mail === crossing) crossedAt = Date.now();
        await sleep(1000 / mailsPerSecond);
      }
      await arrival;
      return (arrivedAt - crossedAt) / 1000;
    } finally {
      await shipper.stop();
    }
  };

  /** When a desired state that names the account came, by the relay's own long poll. */
  const orderFor = async (account: string): Promise<number> => {
    const QueueUrl = access.queues.commands;
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }),
      );
      const at = Date.now();
      let isThere = false;
      for (const { Body = '', ReceiptHandle } of Messages) {
        const payload = order.parse(JSON.parse(Buffer.from(Body.split('.')[1] ?? '', 'base64url').toString()));
        isThere ||= payload.kind === 'desired' && payload.entries.some((entry) => entry.account === account);
        await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
      if (isThere) return at;
    }
  };

  for (const [name, maker] of Object.entries({ agent: agentShipper, 'ten seconds': tenSecondShipper })) {
    const seconds: number[] = [];
    for (let run = 0; run < runs; run++) {
      seconds.push(await measure(maker));
      // What is undone does not count for the containment brake.
      for (const { id, state } of await central.api.findings(1)) {
        if (state === 'open' || state === 'contained') await central.api.undo(id);
      }
    }
    seconds.sort((a, b) => a - b);
    const at = (share: number): string => (seconds[Math.ceil(share * runs) - 1] ?? 0).toFixed(2);
    console.log(`${name}: ${runs} runs, p50 ${at(0.5)} s, p95 ${at(0.95)} s, max ${at(1)} s`);
  }
  sqs.destroy();
  await central.close();
} finally {
  await close();
}
