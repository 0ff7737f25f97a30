import type { FastifyError } from 'fastify';
import { type Problem, UnavailableError } from '../base/errors.ts';

/**
 * An answer that is not a success: RFC 9457 problem details with a stable `code`. Thrown by handlers, turned into
 * `application/problem+json` in one place.
 */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly problems: readonly Problem[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    detail: string,
    extra: { problems?: readonly Problem[]; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = code;
    this.problems = extra.problems ?? [];
    this.headers = extra.headers ?? {};
  }
}

/** Not now: whoever asks again after so many seconds may be answered. */
export function notNow(status: 409 | 429 | 503, code: string, detail: string, seconds: number): ApiProblem {
  return new ApiProblem(status, code, detail, { headers: { 'retry-after': String(seconds) } });
}

/** The store does not take changes at the moment. */
export function unavailable(reason: string): ApiProblem {
  return notNow(503, 'store-unavailable', reason, 2);
}

/** The store's refusals; the framework's own errors by their code. Anything unforeseen is ours and says nothing of its inside. */
export function problemOf(error: FastifyError): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (error instanceof UnavailableError) {
    const problem = unavailable(error.message);
    problem.cause = error.cause;
    return problem;
  }
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ApiProblem(413, 'body-too-large', 'the request body is too large');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ApiProblem(
        415,
        'unsupported-media-type',
        'send application/json (or application/merge-patch+json with PATCH)',
      );
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new ApiProblem(400, 'malformed-json', 'the body is not valid JSON');
    default:
  }
  if (error instanceof SyntaxError || error.statusCode === 400)
    return new ApiProblem(400, 'malformed-request', 'the request is malformed');
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return new ApiProblem(status, 'refused', 'the request was refused');
  const problem = new ApiProblem(500, 'internal', 'an internal error; the log says more');
  problem.cause = error;
  return problem;
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** The body of a problem answer. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  /** The first faulty field, when one is to blame. */
  readonly path?: string;
  readonly errors?: readonly Problem[];
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Not permitted',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Too slow',
  409: 'Conflict',
  411: 'Length required',
  412: 'Changed meanwhile',
  413: 'Body too large',
  415: 'Unsupported media type',
  422: 'Invalid',
  429: 'Too many requests',
  431: 'Head too large',
  500: 'Internal error',
  503: 'Unavailable',
};

export function problemBody(problem: ApiProblem): ProblemBody {
  const [first] = problem.problems;
  return {
    type: `urn:tandem:problem:${problem.code}`,
    title: TITLES[problem.status] ?? 'Error',
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    ...(first === undefined ? {} : { path: first.path, errors: problem.problems }),
  };
}

/** The key of a new one is another's: the field at `path` is at fault. */
export function taken(path: string, message: string, code = 'exists'): ApiProblem {
  return new ApiProblem(409, code, message, { problems: [{ code, path, message }] });
}

/** What is not there and what may not be seen answer the same. */
export function notFound(what: string): ApiProblem {
  return new ApiProblem(404, 'not-found', `${what} does not exist`);
}

export function forbidden(detail: string): ApiProblem {
  return new ApiProblem(403, 'not-permitted', detail);
}

/** @param count how many there are, where not all are told */
export function invalid(problems: readonly Problem[], count = problems.length): ApiProblem {
  const [first] = problems;
  const rest = count > 1 ? ` (and ${count - 1} more)` : '';
  const detail =
    first === undefined ? 'invalid' : `${first.path === '' ? '' : `${first.path}: `}${first.message}${rest}`;
  return new ApiProblem(422, 'validation-failed', detail, { problems });
}
