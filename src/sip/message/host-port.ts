import { KnownTexts } from '../../base/known-texts.ts';

/** A place as it stands in a URI or a Via: an IPv6 address in brackets, also where it has them already. Each call names the same few. */
export function hostPort(host: string, port: number | undefined): string {
  return PLACES.of(host, port);
}

const PLACES = new KnownTexts((host, port: number | undefined) => {
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
});
