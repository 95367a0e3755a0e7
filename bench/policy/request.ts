/** What Postfix 3.7 sends. */
export function request(index: number, accounts: number): string {
  const message = Math.floor(index / 2);
  const isEnd = index % 2 === 1;
  const attributes = {
    request: 'smtpd_access_policy',
    protocol_state: isEnd ? 'END-OF-MESSAGE' : 'RCPT',
    protocol_name: 'ESMTP',
    client_address: '192.0.2.17',
    client_name: 'client.example.org',
    client_port: '54321',
    reverse_client_name: 'client.example.org',
    server_address: '192.0.2.1',
    server_port: '587',
    helo_name: '[192.168.1.17]',
    sender: 'forged.sender@example.org',
    recipient: `recipient${message}@somewhere.example`,
    recipient_count: isEnd ? '1' : '0',
    queue_id: isEnd ? '4jYfFZ4Qd8z3wbC' : '',
    instance: `1b2c.65a3f0c1.${message.toString(16)}.0`,
    size: isEnd ? '20480' : '0',
    etrn_domain: '',
    stress: '',
    sasl_method: 'PLAIN',
    sasl_username: `user${message % accounts}`,
    sasl_sender: '',
    ccert_subject: '',
    ccert_issuer: '',
    ccert_fingerprint: '',
    ccert_pubkey_fingerprint: '',
    encryption_protocol: 'TLSv1.3',
    encryption_cipher: 'TLS_AES_256_GCM_SHA384',
    encryption_keysize: '256',
    policy_context: '',
  };
  return `${Object.entries(attributes)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')}\n`;
}
