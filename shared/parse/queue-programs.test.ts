import { describe, expect, test } from 'vitest';
import { parseLine } from './line.ts';
import { context, fields } from './testing.ts';

const id = '784DF2143DA';

describe('qmgr', () => {
  const queued = { kind: 'queued', queueId: id, sender: 'a@b', sizeBytes: 293, recipients: 50 };
  test.each([
    ['from=<a@b>, size=293, nrcpt=50 (queue active)', queued],
    ['from=<>, size=293, nrcpt=50 (queue active)', { ...queued, sender: '' }],
    ['from=<a@b>, size=293, nrcpt=50', queued],
    ['from=<a@b>, size=293, nrc', { ...queued, sender: 'a@b', sizeBytes: 0, recipients: 1 }],
    ['from=<long', { ...queued, sender: 'long', sizeBytes: 0, recipients: 1 }],
    [
      'from=<x>, size=1, nrcpt=1 (queue active)@b>, size=293, nrcpt=50 (queue active)',
      { ...queued, sender: 'x>, size=1, nrcpt=1 (queue active)@b' },
    ],
    [
      'from=<x>, status=expired, returned to sender>, size=293, nrcpt=50 (queue active)',
      { ...queued, sender: 'x>, status=expired, returned to sender' },
    ],
    ['from=<a@b>, status=expired, returned to sender', { kind: 'expired', queueId: id, sender: 'a@b' }],
    ['from=<a@b>, status=force-expired, returned to sender', { kind: 'expired', queueId: id, sender: 'a@b' }],
    ['removed', { kind: 'removed', queueId: id }],
    ['removed by nobody', { ignored: 'note' }],
    ['skipped, still being delivered', { ignored: 'note' }],
  ])('%s', (text, expected) => {
    expect(fields('qmgr', `${id}: ${text}`)).toEqual(expected);
  });

  test('a sender long enough to cut the line just after its own tail does not look expired', () => {
    const sender = `${'x'.repeat(1900)}>, status=expired, returned to sender`;
    expect(fields('qmgr', `${id}: from=<${sender}`)).toMatchObject({ kind: 'queued', recipients: 1 });
  });
});

describe('pickup', () => {
  const picked = { kind: 'pickup', queueId: id, uid: 102, sender: 's0@spoof0.test' };
  test.each([
    ['uid=102 from=<s0@spoof0.test>', picked],
    ['uid=102 from=<s0@spoof0.test> orig_id=4jYdzt465WzJ9Cq', { ...picked, origId: '4jYdzt465WzJ9Cq' }],
    ['uid=102 from=<x> orig_id=4jYdzt465WzJ9Cq>', { ...picked, sender: 'x> orig_id=4jYdzt465WzJ9Cq' }],
    // It could be a sender of that text, cut just there.
    ['uid=102 from=<x> y> orig_id=4jYdzt465WzJ9Cq', { ...picked, sender: 'x> y> orig_id=4jYdzt465WzJ9Cq' }],
    ['uid=102 from=<s0@spoof0.test', picked],
    ['uid=102 from=<', { ...picked, sender: '' }],
    ['uid=x from=<a>', { malformed: 'pickup: uid= without a number at column 59' }],
    ['uid=1 to=<a>', { malformed: 'pickup: no from=<…> after the uid at column 60' }],
    ['something else', { ignored: 'note' }],
  ])('%s', (text, expected) => {
    expect(fields('pickup', `${id}: ${text}`)).toEqual(expected);
  });
});

describe('cleanup', () => {
  const named = { kind: 'messageId', queueId: id, messageId: 'a@b', resent: false };
  test.each([
    ['message-id=<a@b>', named],
    ['message-id=a@b', named],
    ['message-id=<>', { ...named, messageId: '' }],
    ['message-id=', { ...named, messageId: '' }],
    ['message-id=<', { ...named, messageId: '<' }],
    ['message-id=<cut', { ...named, messageId: '<cut' }],
    ['message-id=<a, sasl_username=b> c>', { ...named, messageId: 'a, sasl_username=b> c' }],
    ['resent-message-id=<a@b>', { ...named, resent: true }],
    [
      'hold: header Subject: x from evil[6.6.6.6]: y; from=<a@b> to=<c@d> proto=ESMTP helo=<e>: text',
      {
        kind: 'action',
        action: 'hold',
        stage: 'header',
        queueId: id,
        text: 'header Subject: x from evil[6.6.6.6]: y; from=<a@b> to=<c@d> proto=ESMTP helo=<e>: text',
      },
    ],
    [
      'milter-reject: END-OF-MESSAGE from unknown[1.2.3.4]: 5.7.1 Spam; from=<a@b>',
      {
        kind: 'action',
        action: 'reject',
        stage: 'END-OF-MESSAGE',
        queueId: id,
        client: '1.2.3.4',
        text: '5.7.1 Spam; from=<a@b>',
      },
    ],
    [
      'milter-header-discard: header X: y from unknown[1.2.3.4];',
      { kind: 'action', action: 'discard', stage: 'header', queueId: id, text: 'header X: y from unknown[1.2.3.4];' },
    ],
    [
      'milter-hold: END-OF-MESSAGE from unknown[1.2.3.4]: milter triggers HOLD action; from=<a@b> to=<c@d> proto=ESMTP helo=<e>',
      {
        kind: 'action',
        action: 'hold',
        stage: 'END-OF-MESSAGE',
        queueId: id,
        client: '1.2.3.4',
        text: 'milter triggers HOLD action; from=<a@b> to=<c@d> proto=ESMTP helo=<e>',
      },
    ],
    [
      'milter-discard: END-OF-MESSAGE from unknown[1.2.3.4]: milter triggers DISCARD action; from=<a@b>',
      {
        kind: 'action',
        action: 'discard',
        stage: 'END-OF-MESSAGE',
        queueId: id,
        client: '1.2.3.4',
        text: 'milter triggers DISCARD action; from=<a@b>',
      },
    ],
    ['warning: header Subject: x from unknown[1.2.3.4];', { ignored: 'warning' }],
    ['prepend: header Subject: x from unknown[1.2.3.4];', { ignored: 'note' }],
  ])('%s', (text, expected) => {
    expect(fields('cleanup', `${id}: ${text}`)).toEqual(expected);
  });
});

describe('bounce', () => {
  const child = '4jYf042LG6zJ9BC';
  test.each([
    'sender non-delivery notification',
    'sender delay notification',
    'sender delivery status notification',
    'postmaster non-delivery notification',
  ])('%s', (text) => {
    expect(fields('bounce', `${id}: ${text}: ${child}`)).toEqual({ kind: 'notification', queueId: id, childId: child });
  });

  test('a notification without an ID is malformed', () => {
    expect(fields('bounce', `${id}: sender non-delivery notification: x`)).toEqual({
      malformed: 'bounce: the notification has no queue ID at column 89',
    });
  });

  test('other texts are notes', () => {
    expect(fields('bounce', `${id}: undeliverable postmaster notification discarded`)).toEqual({ ignored: 'note' });
    expect(fields('bounce', 'warning: x')).toEqual({ ignored: 'warning' });
  });
});

describe('postsuper', () => {
  test.each([
    ['placed on hold', 'held'],
    ['released from hold', 'released'],
    ['requeued', 'requeued'],
    ['removed', 'purged'],
  ])('%s', (text, act) => {
    expect(fields('postsuper', `${id}: ${text}`)).toEqual({ kind: 'superseded', queueId: id, act });
  });

  test.each([
    [`${id}: expired`, 'note'],
    ['Placed on hold: 4 messages', 'note'],
    ['Deleted: 1 message', 'note'],
    ['warning: invalid mail queue id: bad/id', 'warning'],
  ])('%s is ignored', (text, kind) => {
    expect(fields('postsuper', text)).toEqual({ ignored: kind });
  });
});

test.each(['queue file size limit exceeded', 'message rejected: hopcount exceeded'])(
  'a message that cleanup refuses: %s',
  (text) => {
    const refusal = { kind: 'action', action: 'reject', stage: 'queue-file', queueId: id, text };
    expect(fields('cleanup', `warning: ${id}: ${text}`)).toEqual(refusal);
    expect(fields('smtpd', `warning: ${id}: ${text}`)).toEqual(refusal);
  },
);

describe('MailScanner', () => {
  const at = (text: string): unknown => {
    const result = parseLine(`Nov 24 10:13:12 mx MailScanner[77]: ${text}`, context);
    return 'ok' in result ? result.ok : result;
  };

  test.each([
    ['Requeue: 6773D15E4E9.A3F46 to A1B2C15E4EA', '6773D15E4E9', 'A1B2C15E4EA'],
    ['Requeue: 6773D15E4E9 to A1B2C15E4EA', '6773D15E4E9', 'A1B2C15E4EA'],
    ['Requeue: 4jYgNl4TtXzJ9C7.A38B9 to 4jYgNl551qzJ9CD', '4jYgNl4TtXzJ9C7', '4jYgNl551qzJ9CD'],
  ])('%s', (text, origId, queueId) => {
    expect(at(text)).toMatchObject({ kind: 'scannerRequeue', host: 'mx', instance: '', pid: 77, origId, queueId });
  });

  test.each([
    'New Batch: Scanning 1 messages, 3063 bytes',
    'Requeue: 6773D15E4E9.A3F46 to',
    'Requeue: 6773D15E4E9.A3F46 to nothing',
    'Requeue: ../etc to A1B2C15E4EA',
    'Message 6773D15E4E9.A3F46 Requeue: 6773D15E4E9 to A1B2C15E4EA',
  ])('%s is ignored', (text) => {
    expect(at(text)).toEqual({ ignored: 'mailscanner' });
  });
});
