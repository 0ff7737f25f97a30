/** Icons of callers (RFC 9795): whether what is at a URL is what the caller's provider has signed. Kept, bounded and shared as certificates are. */
import { certificateUrl } from './certificate-url.ts';
import { FetchedFiles, type FetchedFilesOptions, Unfetched } from './fetched-files.ts';
import { DigestedFile, type Icon } from './rich-call-data.ts';

export class Icons {
  readonly #files: FetchedFiles<DigestedFile>;

  constructor(options: FetchedFilesOptions) {
    this.#files = new FetchedFiles(options, {
      one: 'the icon',
      many: 'icons',
      read: (octets) => new DigestedFile(octets),
    });
  }

  /**
   * Why an icon must not be shown, in words; undefined: it is what was signed.
   *
   * @param tenant whose call shows it
   * @param withinMs how long may be waited for it, ms.
   */
  fault({ url, digest }: Icon, tenant: string, withinMs: number): string | undefined | Promise<string | undefined> {
    const read = certificateUrl(url);
    if (typeof read === 'string') return `the URL of the icon ${read}`;
    const judged = (file: DigestedFile | Unfetched) => {
      if (file instanceof Unfetched) return `${file.reason} (${url})`;
      return file.has(digest) ? undefined : `the icon ${url} is another one than was signed`;
    };
    const file = this.#files.get(read, tenant, withinMs);
    return file instanceof Promise ? file.then(judged) : judged(file);
  }
}
