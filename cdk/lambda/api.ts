import { CfnOutput, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { HttpApi, HttpMethod, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledgeWildcards } from '../acknowledge.ts';
import { allow } from './allow.ts';

export interface ApiProps {
  /** Begins each name. */
  readonly prefix: string;
  readonly api: IFunction;
  /** The routes that make and take away relays' credentials. */
  readonly enrol: IFunction;
}

/** A team's calls a second, and at once; a key that leaked can try no more. */
const throttle = { rateLimit: 20, burstLimit: 50 };

/**
 * The one way in for people and programs: each route wants a signature by an IAM principal (SigV4), and API Gateway tells
 * the functions whose it was. Two policies to attach to people's roles say who may do what.
 */
export class Api extends Construct {
  constructor(scope: Construct, id: string, { prefix, api, enrol }: ApiProps) {
    super(scope, id);
    const http = new HttpApi(this, 'Http', {
      apiName: `${prefix}-api`,
      description: 'Holdfast: review, approve, undo, enrol',
      createDefaultStage: false,
      defaultAuthorizer: new HttpIamAuthorizer(),
    });
    const { GET, POST, DELETE } = HttpMethod;
    const review = new HttpLambdaIntegration('Review', api);
    for (const path of ['/v1/status', '/v1/relays', '/v1/findings', '/v1/findings/{id}']) {
      http.addRoutes({ path, methods: [GET], integration: review });
    }
    for (const path of ['/v1/findings/{id}/approve', '/v1/findings/{id}/undo']) {
      http.addRoutes({ path, methods: [POST], integration: review });
    }
    const enrolment = new HttpLambdaIntegration('Enrolment', enrol);
    http.addRoutes({ path: '/v1/relays', methods: [POST], integration: enrolment });
    http.addRoutes({ path: '/v1/relays/{name}', methods: [DELETE], integration: enrolment });
    http.addRoutes({ path: '/v1/relays/{name}/keys', methods: [POST, DELETE], integration: enrolment });

    const log = new LogGroup(this, 'AccessLog', {
      logGroupName: `/aws/apigateway/${prefix}-api`,
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    new HttpStage(this, 'Stage', {
      httpApi: http,
      stageName: '$default',
      autoDeploy: true,
      throttle,
      accessLogSettings: { destination: new LogGroupLogDestination(log), format: AccessLogFormat.custom(accessLine) },
    });
    new CfnOutput(Stack.of(this), 'ApiUrl', { value: http.apiEndpoint });

    this.#mayCall('SecurityTeam', `${prefix}-security-team`, 'Holdfast: review, approve, undo, enrol', http, '*');
    this.#mayCall('Viewer', `${prefix}-viewer`, 'Holdfast: look at findings and relays, change nothing', http, 'GET');
  }

  #mayCall(id: string, managedPolicyName: string, description: string, http: HttpApi, method: string): void {
    const routes = Stack.of(this).formatArn({
      service: 'execute-api',
      resource: http.apiId,
      resourceName: `$default/${method}/v1/*`,
    });
    const statements = [allow('CallTheApi', ['execute-api:Invoke'], [routes])];
    const policy = new ManagedPolicy(this, id, { managedPolicyName, description, statements });
    acknowledgeWildcards(policy, statements, 'All routes of this one API are meant, for viewers those that only look.');
  }
}

const accessLine = JSON.stringify({
  at: '$context.requestTimeEpoch',
  id: '$context.requestId',
  who: '$context.identity.userArn',
  from: '$context.identity.sourceIp',
  route: '$context.routeKey',
  path: '$context.path',
  status: '$context.status',
  error: '$context.authorizer.error',
  integrationError: '$context.integrationErrorMessage',
  millis: '$context.responseLatency',
});
