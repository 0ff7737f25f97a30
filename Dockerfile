# The engine and its console, without a tool that is not needed to run. Node runs the TypeScript sources as they are.
FROM node:26.10.0-bookworm-slim AS console
WORKDIR /opt/tandem
COPY package.json package-lock.json .npmrc tsconfig.json ./
COPY src src
# npm ci builds the console (`prepare`).
RUN npm ci

FROM node:26.10.0-bookworm-slim AS install
WORKDIR /opt/tandem
COPY package.json package-lock.json .npmrc ./
# The image's own Node is used, so the bundled runtimes (optional dependencies) are left out.
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:26.10.0-bookworm-slim
# Another file: mount it and set TANDEM_CONFIG.
ENV NODE_ENV=production TANDEM_CONFIG=config/compose/engine.yaml
WORKDIR /opt/tandem
COPY --from=install /opt/tandem/node_modules node_modules
COPY package.json LICENSE README.md ./
COPY bin bin
COPY config config
COPY src src
COPY --from=console /opt/tandem/dist/console dist/console
RUN mkdir -p /var/lib/tandem && chown node:node /var/lib/tandem
USER node
VOLUME /var/lib/tandem
EXPOSE 5060/udp 5060/tcp 5061/tcp 8080/tcp
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "bin/tandem.js"]
CMD ["start"]
