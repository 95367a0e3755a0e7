/** An IAM policy, as far as relays need one. */
export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly {
    readonly Sid: string;
    readonly Effect: 'Allow';
    readonly Action: readonly string[];
    readonly Resource: readonly string[];
  }[];
}

/**
 * What a relay may do: send its own events and reports, take its own commands, and nothing else (I9). One statement a
 * queue that it uses, with literal ARNs, so that the answer does not depend on who the caller says he is.
 */
export function relayPolicy(arns: {
  readonly events: string;
  readonly reports: string;
  readonly commands: string;
}): PolicyDocument {
  const look = ['sqs:GetQueueUrl', 'sqs:GetQueueAttributes'];
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'SendEventsAndReports',
        Effect: 'Allow',
        Action: ['sqs:SendMessage', ...look],
        Resource: [arns.events, arns.reports],
      },
      {
        Sid: 'TakeOwnCommands',
        Effect: 'Allow',
        Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', ...look],
        Resource: [arns.commands],
      },
    ],
  };
}
