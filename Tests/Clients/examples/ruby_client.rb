# The Ruby client of the requirements, as printed there but for what is marked.
#
# Usage: ruby_client.rb URL CLIENT_ID
require 'faye/websocket'
require 'eventmachine'
require 'json'
require 'securerandom' # was missing

$stdout.sync = true # added: a test reads along

# WebSocket client for Ruby
class MCPGatewayClient
  attr_reader :client_id, :ws

  def initialize(client_id)
    @client_id = client_id
    @callbacks = {}
  end

  def connect
    EM.run do
      @ws = Faye::WebSocket::Client.new(ARGV[0]) # was 'ws://localhost:4002/mcp/ws'

      @ws.on :open do |event|
        # Join the gateway channel
        @ws.send({
          topic: "mcp:gateway",
          event: "phx_join",
          payload: { client_id: @client_id },
          ref: "1"
        }.to_json)
      end

      @ws.on :message do |event|
        data = JSON.parse(event.data)
        handle_message(data)
      end

      @ws.on :close do |event|
        puts "Connection closed: #{event.code} #{event.reason}"
        EM.stop
      end
    end
  end

  def send_message(type, data)
    @ws.send({
      topic: "mcp:gateway",
      event: "message",
      payload: { type: type, data: data },
      ref: SecureRandom.uuid
    }.to_json)
  end

  def on(event, &block)
    @callbacks[event] = block
  end

  private

  def handle_message(data)
    case data['event']
    when 'phx_reply'
      if data['payload']['status'] == 'ok'
        @callbacks[:connected]&.call if data['ref'] == '1'
      end
    when 'message'
      @callbacks[:message]&.call(data['payload'])
    when 'vsm_update'
      @callbacks[:vsm_update]&.call(data['payload'])
    end
  end
end

# Usage
client = MCPGatewayClient.new(ARGV[1]) # was 'ruby_client'
client.on(:connected) do
  puts "Connected to gateway!"
  client.send_message("echo", { from: "ruby" }) # added
end
client.on(:message) { |msg| puts "Received: #{msg.to_json}" } # .to_json was missing
client.connect
