import type { FastifyInstance } from 'fastify';
import { SettingsError } from '../base/errors.ts';
import { type ApiContext, answer } from './context.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';
import { ApiProblem } from './problem.ts';

/** What SIGHUP does, for who cannot send signals: the node's files again, all or nothing. */
export function reloadRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'reload', { access: 'system', answers: { 200: answer('What changed', named('ReloadReport')) } }).by(
    async () => {
      try {
        return await context.reload();
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
        const { length } = error.problems;
        const faults = length === 1 ? '1 fault' : `${length} faults`;
        const detail = `nothing was reloaded: ${faults} in the files of this node`;
        throw new ApiProblem(422, 'reload-refused', detail, { problems: error.problems });
      }
    },
  );
}
