# The voice sandbox in a container: docker build -t sinch-voice-sandbox . && docker run --rm -p 8070:8070 sinch-voice-sandbox
# Options of `python -m sinch_voice_async.sandbox` may follow the name of the image.
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY sinch_voice_async sinch_voice_async
RUN pip wheel --no-cache-dir --wheel-dir /wheels ".[sandbox]"

FROM python:3.13-slim
COPY --from=build /wheels /wheels
# An account that owns nothing but the folder in which --state may keep a file.
RUN pip install --no-cache-dir --no-index --find-links /wheels "sinch-voice-async[sandbox]" \
    && rm -rf /wheels \
    && useradd --system --create-home --home-dir /state sandbox
USER sandbox
WORKDIR /state
EXPOSE 8070
# A container has a network of its own: --allow-remote permits the host, and the port that is published decides who reaches it.
ENTRYPOINT ["python", "-m", "sinch_voice_async.sandbox", "--host", "0.0.0.0", "--allow-remote"]
