import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS } from './command.ts';

export const drain: Command = {
  usage: 'tandem drain',
  details:
    'What SIGTERM does: the node takes no new calls (/readyz is 503), gives registrations at providers to other nodes, and ends with its last call, or when timers.drainMs is over; calls that are left then go on at another node of the store. Whoever started it may start it again: stop the service rather than drain it where it shall stay away.',
  options: ENGINE_OPTIONS,
  async run(context) {
    const draining = await context.api().post<Answer<'Drain'>>('/api/v1/drain', undefined);
    return context.printAnswer(draining, ({ node, calls, limitSeconds }) => {
      const waits =
        calls === 0
          ? 'no call is up, it ends now'
          : `${calls} ${calls === 1 ? 'call is' : 'calls are'} up; it ends with the last one, after ${limitSeconds} s at most`;
      return `${node} drains: ${waits}`;
    });
  },
};
