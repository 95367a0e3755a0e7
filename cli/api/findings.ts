import type { FindingView, RelayView } from '../../functions/api/views.ts';
import type { Finding } from '../../shared/decide/finding.ts';
import { exitCodes, usage } from '../failure.ts';
import type { Places } from '../places.ts';
import { parseTerm } from '../selection.ts';
import { printable, table, when } from '../table.ts';
import { ApiClient } from './client.ts';

/** `holdfast status` */
export async function showStatus(places: Places, json: boolean): Promise<void> {
  const client = ApiClient.open(places);
  const [overview, relays] = [await client.status(), await client.relays()];
  if (json) return console.log(JSON.stringify({ ...overview, relays }));
  const { open, contained, confirmed } = overview.findings;
  console.log(`findings of 7 days: ${open} open, ${contained} contained, ${confirmed} confirmed`);
  console.log(
    table(['RELAY', 'LAST HEARD', 'LAST LINES', 'INSTANCES', 'QUEUED', 'DESIRED STATE'], relays.map(relayRow)),
  );
  const rows = overview.containments.map((each) => [each.account, each.mode, when(each.until), each.findingId]);
  console.log(rows.length === 0 ? 'nothing is contained' : table(['CONTAINED', 'MODE', 'UNTIL', 'FINDING'], rows));
}

/** `holdfast findings` */
export async function showFindings(places: Places, daysText: string, json: boolean): Promise<void> {
  const client = ApiClient.open(places);
  const days = Number(daysText);
  if (!Number.isInteger(days) || days < 1 || days > 92) throw usage('--days takes a whole number from 1 to 92');
  const findings = await client.findings(days);
  if (findings.some(({ state }) => state === 'open' || state === 'contained')) process.exitCode = exitCodes.findings;
  if (json) return console.log(JSON.stringify(findings));
  const rows = findings.map(findingRow);
  console.log(
    rows.length === 0
      ? `no findings in ${days} days`
      : table(['FINDING', 'STATE', 'SEVERITY', 'ACCOUNT', 'OPENED', 'RULE'], rows),
  );
}

/** `holdfast findings FINDING` */
export async function showFinding(places: Places, id: string, json: boolean): Promise<void> {
  const view = await ApiClient.open(places).finding(id);
  console.log(json ? JSON.stringify(view) : describe(view));
}

/** `holdfast approve FINDING` */
export async function approve(
  places: Places,
  id: string,
  { purge, release, json }: { purge: readonly string[]; release: readonly string[]; json?: true },
): Promise<void> {
  const [purged, released] = [purge.map(parseTerm), release.map(parseTerm)];
  const finding = await ApiClient.open(places).approve(id, purged, released);
  console.log(json ? JSON.stringify(finding) : said(finding));
}

/** `holdfast undo FINDING` */
export async function undo(places: Places, id: string, json: boolean): Promise<void> {
  const finding = await ApiClient.open(places).undo(id);
  console.log(json ? JSON.stringify(finding) : said(finding));
}

/** Relays report what they did; nothing has been done yet when the hub answers. */
function said({ id, state, history }: Finding): string {
  return printable(`${id} ${state}: ${history.at(-1)?.detail}; what relays did: holdfast findings ${id}`);
}

function relayRow(relay: RelayView): string[] {
  const heard = relay.heardAt === undefined ? 'never' : when(relay.heardAt);
  const queued = Object.entries(relay.queued).map(([name, messages]) => `${name} ${messages}`);
  const lines = relay.linesAt === undefined ? 'never' : when(relay.linesAt);
  const shipped = relay.linesStopped.length > 0 ? `${lines}, lines stopped` : lines;
  return [
    relay.relay,
    heard,
    shipped,
    relay.instances.join(' '),
    queued.join(', '),
    relay.converged ? 'in force' : 'differs',
  ];
}

function findingRow(finding: Finding): string[] {
  return [finding.id, finding.state, finding.severity, finding.account, when(finding.openedAt), finding.rule];
}

function describe({ finding, containment, relays }: FindingView): string {
  const lines = [
    `${finding.id}  ${finding.account}  ${finding.state}  (${finding.severity}, ${finding.rule})`,
    `opened ${when(finding.openedAt)} after ${finding.messagesBeforeOpen} messages to ${finding.recipientsBeforeOpen} recipients`,
    ...finding.evidence.map((each) => `  evidence: ${each}`),
    `  logins: ${finding.logins.join(', ')}`,
    containment === undefined ? 'no containment in force' : `${containment.mode} until ${when(containment.until)}`,
    ...relays.map(({ relay, proofs }) => {
      const proven = proofs.map(
        (proof) =>
          `${proof.what} ${proof.verified ? 'proven' : 'NOT proven'}: ${proof.held} held, ${proof.outsideHold} outside`,
      );
      return `  ${relay}: ${proven.join('; ')}`;
    }),
    ...finding.history.map((entry) => `  ${when(entry.at)}  ${entry.actor}  ${entry.what}  ${entry.detail}`),
  ];
  return lines.map(printable).join('\n');
}
