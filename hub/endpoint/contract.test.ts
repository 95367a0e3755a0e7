import { queueContract } from '../queue.contract.ts';
import { hubQueueFixture } from './endpoint.fixture.ts';

queueContract("the hub's endpoint", hubQueueFixture);
