# One image for every part of Latchkey: the command says which (api, worker, sealer, codec, migrate, temporal setup).
# The last stage, `production`, is the default; `sandbox` also keeps the simulated bank and token issuer.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package runs code of its own while it is installed, whichever npm the image has.
RUN npm ci --ignore-scripts
COPY prisma.config.ts tsconfig.json tsconfig.build.json ./
COPY prisma prisma
COPY src src
COPY workflows workflows
COPY activities activities
COPY scripts scripts
RUN npm run build
# What production never loads does not come along.
RUN mkdir /production && cp -R dist /production/dist && rm -rf /production/dist/src/local /production/dist/src/sandbox
RUN npm run write:sbom -- /production/sbom.cdx.json

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Optional ones are for bundling workflows, which the build has done. Temporal's SDK brings native parts of systems that this image is not.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && rm -rf node_modules/@temporalio/core-bridge/releases/*-apple-* node_modules/@temporalio/core-bridge/releases/*-windows-*

FROM ${NODE_IMAGE} AS base
# Nothing is installed any more: neither packages nor those who could fetch them.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-* /usr/local/bin/yarn*
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY prisma/migrations prisma/migrations
COPY evidence evidence
COPY assets assets
COPY deploy/health-check.mjs deploy/health-check.mjs
# A volume that is mounted here becomes the user's.
RUN install -d -o 1000 -g 1000 /var/lib/latchkey/checkpoints
ENV HOST=0.0.0.0
# By number, so that orchestrators can tell that it is not root.
USER 1000:1000
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "dist/src/cli/main.js"]

FROM base AS sandbox
ENV NODE_ENV=development
COPY --from=build /app/dist dist
EXPOSE 4010
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["node", "deploy/health-check.mjs", "http://127.0.0.1:4010/"]
CMD ["sandbox"]

FROM base AS production
ENV NODE_ENV=production
COPY --from=build /production/dist dist
COPY --from=build /production/sbom.cdx.json sbom.cdx.json
EXPOSE 3000
# For the front door; the worker's and the codec server's address is given where they are started.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["node", "deploy/health-check.mjs", "http://127.0.0.1:3000/healthz"]
CMD ["api"]
