# docker build -t mobility .

FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
    cmake g++ pkg-config sqlite3 libsqlite3-dev libssl-dev
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin mobility && cp target/release/mobility /usr/local/bin/

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
    ca-certificates libsqlite3-0 libssl3 libstdc++6 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --home-dir /srv/mobility mobility \
    && install -d -o mobility -g mobility /srv/mobility \
    && install -d -o mobility -g mobility -m 700 /srv/mobility/data \
    && install -d -o mobility -g mobility -m 700 /var/log/mobility
COPY --from=build /usr/local/bin/mobility /usr/local/bin/mobility
COPY --chmod=755 deploy/healthcheck /usr/local/bin/healthcheck
COPY pipeline.toml /srv/mobility/pipeline.toml
WORKDIR /srv/mobility
USER 10001:10001
VOLUME /srv/mobility/data
EXPOSE 5000
ENTRYPOINT ["mobility"]
CMD ["run-all"]
