import ipaddr from 'ipaddr.js';
import { isLoopback, type OwnHost } from '../../shared/correlate/links.ts';
import { usage } from '../failure.ts';

/** A network whose hosts are ours, and the relay that answers there. */
export interface OwnNetwork {
  readonly network: [ipaddr.IPv4 | ipaddr.IPv6, number];
  readonly relay: string;
}

/** Reads what `--own` says: `CIDR=RELAY` or `ADDRESS=RELAY` each. @throws usage Failure */
export function readOwnNetworks(texts: readonly string[]): OwnNetwork[] {
  return texts.map((text) => {
    const own = readOwnNetwork(text);
    if (own === undefined) throw usage(`--own ${JSON.stringify(text)}: want CIDR=RELAY, like 10.1.2.0/24=mx2`);
    return own;
  });
}

function readOwnNetwork(text: string): OwnNetwork | undefined {
  const [, network, relay] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (network === undefined || relay === undefined) return undefined;
  if (ipaddr.isValidCIDR(network)) return { network: ipaddr.parseCIDR(network), relay };
  if (!ipaddr.isValid(network)) return undefined;
  const address = ipaddr.process(network);
  return { network: [address, address.kind() === 'ipv4' ? 32 : 128], relay };
}

/** The most specific network counts; loopback is the logging relay itself unless a network says otherwise. */
export function ownNetworks(networks: readonly OwnNetwork[]): OwnHost {
  const specificFirst = [...networks].sort((a, b) => b.network[1] - a.network[1]);
  return (text, from) => {
    if (specificFirst.length > 0 && ipaddr.isValid(text)) {
      const address = ipaddr.process(text);
      const own = specificFirst.find(
        ({ network: [base], network }) => base.kind() === address.kind() && address.match(network),
      );
      if (own !== undefined) return own.relay;
    }
    return isLoopback(text) ? from : undefined;
  };
}
