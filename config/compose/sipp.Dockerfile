# SIPp as a carrier and as a phone, from Debian's package.
FROM debian:12.12-slim
RUN apt-get update \
  && apt-get install --yes --no-install-recommends sip-tester \
  && rm -rf /var/lib/apt/lists/*
COPY sipp /scenarios
USER nobody
WORKDIR /tmp
ENTRYPOINT ["sipp", "-nostdin"]
