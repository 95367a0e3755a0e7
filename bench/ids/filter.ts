import { openRaw } from '../../lab/raw-smtp.ts';
import type { MailSoFar } from '../../lab/scripted-mx.ts';

/** What a content filter does with mail that it lets pass: puts it back in by SMTP. The last reply. @throws Error */
export async function putBack(mail: MailSoFar, to: { readonly host: string; readonly port: number }): Promise<string> {
  const session = await openRaw({ ...to, localAddress: '127.0.0.1' });
  try {
    const must = async (command: string): Promise<string> => {
      const { code, text } = await session.command(Buffer.from(command, 'latin1'));
      if (code >= 400) throw new Error(`${JSON.stringify(command.slice(0, 200))}: ${text}`);
      return text;
    };
    for (const command of ['EHLO filter.test', mail.mail, ...mail.rcpt, 'DATA']) await must(command);
    return await must(`X-Scanned: yes\r\n${mail.content.replaceAll(/^\./gm, '..')}.`);
  } finally {
    session.close();
    await session.ended;
  }
}
