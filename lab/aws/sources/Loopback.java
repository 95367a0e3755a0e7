import com.amazonaws.services.dynamodbv2.local.main.ServerRunner;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/** DynamoDB Local on 127.0.0.1 only: its own main listens on all interfaces, and has no option against it. */
public class Loopback {
  /** LocalStack starts DynamoDB Local with a Java agent of its own; this class stands in for that one too. */
  public static void premain(String arguments) {}

  public static void main(String[] arguments) throws Exception {
    var runner = ServerRunner.createServerFromCommandLineArgs(arguments);
    var field = runner.getClass().getDeclaredField("server");
    field.setAccessible(true);
    var server = (Server) field.get(runner);
    ((ServerConnector) server.getConnectors()[0]).setHost("127.0.0.1");
    runner.start();
    runner.join();
  }
}
