import { formatUri, inBrackets, parseNameAddr, type Uri } from '../message/index.ts';

/** Where a request goes and what it says about the way. */
export interface Hop {
  readonly requestUri: string;
  readonly routes: readonly string[];
}

/** The proxies that a dialog's requests pass (RFC 3261 §12.2.1.1). Reads the first route once; a strict router there changes the form. */
export class RouteSet {
  /** Route values (name-addr) in the order of use. */
  readonly values: readonly string[];
  /** The URI of the first route; undefined for an empty set. */
  readonly firstUri: string | undefined;
  readonly #strict: boolean;
  readonly #strictRequestUri: string;

  constructor(values: readonly string[]) {
    this.values = values.map(inBrackets);
    const [first] = this.values;
    const uri = first === undefined ? undefined : parseNameAddr(first).uri;
    this.firstUri = uri === undefined ? undefined : formatUri(uri);
    this.#strict = uri !== undefined && !isLoose(uri);
    this.#strictRequestUri = uri === undefined || !this.#strict ? '' : asRequestUri(uri);
  }

  towards(remoteTarget: string): Hop {
    // §12.2.1.1: no route set, or a loose router first: the remote target is the Request-URI and the routes are all listed.
    if (!this.#strict) return { requestUri: remoteTarget, routes: this.values };
    // A strict router first (RFC 2543): its URI is the Request-URI, the others follow and the remote target comes last.
    return { requestUri: this.#strictRequestUri, routes: [...this.values.slice(1), `<${remoteTarget}>`] };
  }
}

function isLoose(uri: Uri): boolean {
  return (uri.scheme === 'sip' || uri.scheme === 'sips') && uri.params.has('lr');
}

/** §12.2.1.1: parameters that a Request-URI may not have are stripped: `method` and the header part (§19.1.1, table 1). */
function asRequestUri(uri: Uri): string {
  if (uri.scheme !== 'sip' && uri.scheme !== 'sips') return formatUri(uri);
  const params = uri.params.clone();
  params.delete('method');
  return formatUri({ ...uri, params, headers: '' });
}
