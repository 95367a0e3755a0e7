import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';

export interface Graph {
  readonly title: string;
  readonly metrics: readonly IMetric[];
}

/** Whether anything is wrong, then graphs from the relay's line to the order, two in a row. */
export function addDashboard(
  scope: Construct,
  {
    prefix,
    alarms,
    graphs,
  }: { readonly prefix: string; readonly alarms: readonly Alarm[]; readonly graphs: readonly Graph[] },
): void {
  const dashboard = new Dashboard(scope, 'Dashboard', { dashboardName: prefix });
  dashboard.addWidgets(
    new TextWidget({ markdown: `# ${prefix}\nWhat each alarm means: docs/aws.md`, width: 24, height: 2 }),
  );
  dashboard.addWidgets(new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: 24, height: 5 }));
  for (let at = 0; at < graphs.length; at += 2) {
    const row = graphs.slice(at, at + 2);
    dashboard.addWidgets(...row.map(({ title, metrics }) => new GraphWidget({ title, left: [...metrics], width: 12 })));
  }
}
