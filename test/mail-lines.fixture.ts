interface Mail {
  readonly stamp?: string;
  readonly relay?: string;
  readonly instance?: string;
  readonly login?: string;
  readonly sender?: string;
  /** Further lines, each `PROGRAM TEXT`. */
  readonly after?: readonly string[];
}

/** Log lines of one message. */
export function mail(
  queueId: string,
  { stamp, relay = 'mx1', instance, login, sender, after = [] }: Mail = {},
): string {
  const texts = [
    `smtpd client=unknown[192.0.2.7], sasl_method=PLAIN, sasl_username=${login ?? 'ann'}`,
    `qmgr from=<${sender ?? 's@x.test'}>, size=10, nrcpt=1 (queue active)`,
    ...after,
  ];
  const prefix = `${stamp ?? 'Nov 24 10:00:00'} ${relay} ${instance ?? 'postfix'}`;
  return texts.map((text) => `${prefix}/${text.replace(' ', `[1]: ${queueId}: `)}\n`).join('');
}
