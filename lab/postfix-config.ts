import { join } from 'node:path';

/** Texts of a throwaway instance's files; what each unusual line is for stands beside it. */
export interface ConfigInput {
  readonly directory: string;
  readonly name: string;
  readonly hostname: string;
  readonly address: string;
  readonly port: number;
  readonly longQueueIds: boolean;
  readonly nextHop: string | undefined;
  readonly deferTransports: boolean;
  readonly saslAccessMap: boolean;
  readonly portLogging: boolean;
  readonly extraMain: Readonly<Record<string, string>>;
  readonly extraMaster: readonly string[];
}

export function paths(directory: string) {
  const configDirectory = join(directory, 'etc');
  return {
    configDirectory,
    queueDirectory: join(directory, 'spool'),
    dataDirectory: join(directory, 'data'),
    maillog: join(directory, 'mail.log'),
    saslDirectory: join(configDirectory, 'sasl'),
    saslDatabase: join(configDirectory, 'sasl', 'db'),
    mapDirectory: join(configDirectory, 'holdfast'),
    mapSource: join(configDirectory, 'holdfast', 'sasl_access'),
  };
}

export function mainCf(input: ConfigInput): string {
  const at = paths(input.directory);
  const parameters: Record<string, string> = {
    compatibility_level: '3.6',
    queue_directory: at.queueDirectory,
    data_directory: at.dataDirectory,
    // A log of its own through postlogd: no syslogd is asked.
    maillog_file: at.maillog,
    maillog_file_prefixes: input.directory,
    syslog_name: input.name,
    myhostname: input.hostname,
    // Another address than 127.0.0.1 is fatal here; master.cf binds the instance's own.
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    mydestination: '',
    mynetworks: '',
    // Without it smtpd asks a proxymap service that is not there.
    local_recipient_maps: '',
    alias_maps: '',
    notify_classes: '',
    smtp_dns_support_level: 'disabled',
    smtpd_peername_lookup: 'no',
    // Without it deliveries wait for a scache service that is not there.
    smtp_connection_cache_on_demand: 'no',
    smtpd_sasl_auth_enable: 'yes',
    smtpd_sasl_security_options: 'noanonymous',
    smtpd_relay_restrictions: 'permit_sasl_authenticated, reject_unauth_destination',
    smtpd_client_port_logging: input.portLogging ? 'yes' : 'no',
    enable_long_queue_ids: input.longQueueIds ? 'yes' : 'no',
    relayhost: input.nextHop ?? '',
    // Tests are short and all clients are one host: no pauses, no limits per client.
    smtpd_error_sleep_time: '0',
    smtpd_client_connection_count_limit: '0',
    in_flow_delay: '0',
    max_idle: '100',
  };
  if (input.deferTransports) parameters['defer_transports'] = 'smtp relay';
  if (input.saslAccessMap) {
    // At the end of DATA once more: a message that was being sent when the map changed is caught too.
    for (const stage of ['sender', 'end_of_data']) {
      parameters[`smtpd_${stage}_restrictions`] = `check_sasl_access lmdb:${at.mapSource}`;
    }
  }
  return Object.entries({ ...parameters, ...input.extraMain })
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('');
}

export function masterCf(input: ConfigInput): string {
  const services = `
${input.address}:${input.port} inet n - n - - smtpd
pickup  unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr    unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce  unix - - n - 0 bounce
defer   unix - - n - 0 bounce
trace   unix - - n - 0 bounce
smtp    unix - - n - - smtp
relay   unix - - n - - smtp
error   unix - - n - - error
retry   unix - - n - - error
discard unix - - n - - discard
showq   unix n - n - - showq
anvil   unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`;
  return [services.trim(), ...input.extraMaster, ''].join('\n');
}

/** Debian's Cyrus reads it from `<config_directory>/sasl/smtpd.conf` and nowhere else. */
export function smtpdConf(directory: string): string {
  return `pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: ${paths(directory).saslDatabase}
mech_list: PLAIN LOGIN
`;
}
