/**
 * Who is let in, and whom the engine knows: the parts of this folder, with the registrations and the trunks' addresses that they go by. They
 * need no endpoint, so the endpoint is made with them.
 */
import { allAtOnce } from '../../base/steps.ts';
import { Precedence } from '../../provisioning/directory/precedence.ts';
import { type DigestServer, GuessThrottle } from '../../sip/auth/index.ts';
import { StallGuard } from '../../sip/endpoint/index.ts';
import { Identification } from '../../trunks/identification.ts';
import { Acquaintances } from '../acquaintances.ts';
import type { EngineOptions } from '../engine-options.ts';
import { calledNumbersOf } from '../explain/inbound-view.ts';
import type { PeerNodes, PeerPass } from '../peer-nodes.ts';
import { ContactReach } from '../reach.ts';
import { Registrations } from '../registrations.ts';
import type { Served } from '../served.ts';
import { Accounts } from './accounts.ts';
import { Admission } from './admission.ts';
import { Dealing } from './dealing.ts';
import { engineDigest } from './digest.ts';
import { FrontProxies } from './front-proxies.ts';
import { guessBudgets, Intake } from './intake.ts';
import { KnownSources } from './known-sources.ts';
import { SignIns } from './sign-ins.ts';
import { TrustedExtensions } from './trusted-extensions.ts';

export class Reception {
  readonly front: FrontProxies;
  readonly trusted = new TrustedExtensions();
  readonly registrations: Registrations;
  readonly identification: Identification;
  readonly sources: Acquaintances;
  readonly intake: Intake;
  readonly dealing: Dealing | undefined;
  readonly admission: Admission;
  readonly #accounts: Accounts;
  readonly #signIns: SignIns;
  readonly #throttle: GuessThrottle;
  readonly #signedIn: KnownSources;
  readonly #stallGuard: StallGuard | undefined;

  constructor(options: EngineOptions, served: Served, peers: PeerNodes, pass: PeerPass) {
    const { settings, scheduler, log, directory, observer, workers } = options;
    this.front = new FrontProxies(settings.frontProxies);
    allAtOnce(this.trusted.follow(directory.tenants.map((after) => ({ before: undefined, after }))));
    this.#accounts = new Accounts(served);
    this.#signIns = new SignIns(options.signInStore, scheduler, log);
    this.#throttle = new GuessThrottle(scheduler, {
      ...guessBudgets(settings.limits),
      onSignIn: (pair) => this.#signIns.add(pair),
    });
    const digest = this.#digest(options, served);
    const keptMs = settings.limits.knownAfterSignInSeconds * 1000;
    this.#signedIn = new KnownSources(settings.node, scheduler, keptMs, observer.registrations);
    this.registrations = this.#registrationsOf(
      options,
      served,
      digest,
      new ContactReach({ node: settings.node, peers, pass, front: this.front }),
    );
    const precedence = new Precedence(scheduler);
    this.identification = new Identification(directory, calledNumbersOf, precedence, this.front);
    const { front, trusted, registrations, identification } = this;
    this.sources = new Acquaintances({
      trunks: identification,
      registered: this.#signedIn,
      trusted,
      front,
      peers,
      registrations,
    });
    if (options.guardsLoad === true) this.#stallGuard = new StallGuard(scheduler, settings.limits.queueAgeMs);
    this.intake = new Intake({
      limits: settings.limits,
      clock: scheduler,
      sources: this.sources,
      guardsLoad: options.guardsLoad === true,
      stallGuard: this.#stallGuard,
      served,
      front,
      pass,
    });
    if (workers !== undefined) this.dealing = new Dealing(workers, identification);
    this.admission = this.#admissionOf(options, served, digest, pass);
  }

  /** Who signed in before, in earlier lives of the process. */
  async restore(): Promise<void> {
    this.#throttle.restore(await this.#signIns.load());
  }

  stop(): void {
    this.#stallGuard?.stop();
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    await this.#signIns.flush();
  }

  #digest(options: EngineOptions, served: Served): DigestServer {
    const { settings, scheduler, log, nonceSecret } = options;
    return engineDigest({
      settings,
      scheduler,
      log,
      nonceSecret,
      served,
      throttle: this.#throttle,
      accounts: this.#accounts,
    });
  }

  #registrationsOf(options: EngineOptions, served: Served, digest: DigestServer, reach: ContactReach): Registrations {
    const { settings, scheduler, log, observer, bindingStore } = options;
    return new Registrations({
      settings,
      scheduler,
      log,
      served,
      digest,
      reach,
      accounts: this.#accounts,
      front: this.front,
      trusted: this.trusted,
      listener: this.#signedIn,
      store: bindingStore,
      onRefused: (detail) => observer.onRefused('register-refused', detail),
    });
  }

  #admissionOf({ observer }: EngineOptions, served: Served, digest: DigestServer, pass: PeerPass): Admission {
    return new Admission({
      served,
      digest,
      pass,
      accounts: this.#accounts,
      flows: this.registrations,
      trunks: this.identification,
      trusted: this.trusted,
      front: this.front,
      onSignedIn: (address) => this.#signedIn.signedIn(address),
      onRefused: (code, { remoteAddress, remotePort, transport }, detail) =>
        observer.onRefused(code, { source: `${remoteAddress}:${remotePort}`, transport, ...detail }),
    });
  }
}
